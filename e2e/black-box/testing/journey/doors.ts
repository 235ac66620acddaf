import { connect as connectPlain } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { answerHeaders, closedPolicy, contentPolicy, pageHeaders } from '@nora/contract/page-policy'
import { holds, same } from '../../checks.ts'
import type { Sent } from '../../send.ts'
import type { World } from '../../world.ts'

/** What everybody meets before signing in: readiness, pages, headers, refusals, and sockets that nobody serves. */
export async function doors({ place, checks, send }: World): Promise<void> {
  const { check } = checks
  const { url } = place
  const api = (path: string) => `${url}/api/${path}`
  checks.part(`the doors of ${url}`)

  await check('it is alive, and ready', async () => {
    for (const path of ['healthz', 'readyz']) {
      const answer = await send('GET', api(path))
      same(answer.status, 200, `${path} ${answer.text.slice(0, 300)}`)
    }
  })
  await check('the contract is served', async () => {
    const { status, body } = await send('GET', api('openapi.json'))
    same([status, String(body['openapi']).slice(0, 2)], [200, '3.'], 'openapi.json')
  })
  if (url.startsWith('https:'))
    await check('plain http leads to https and says nothing else', () => leadsToHttps())
  else checks.leaveOut('plain http leads to https', 'this place is plain http on loopback')

  const admin = place.adminUrl ?? url
  for (const [name, page] of [
    ['console', `${url}/`],
    ['admin app', `${admin}/admin/`],
  ] as const) {
    await check(`the ${name} opens, with the script that its page names`, async () => {
      const { status, text } = await send('GET', page)
      same(status, 200, page)
      const script = /<script type="module"[^>]* src="([^"]+)"/.exec(text)?.[1]
      holds(script !== undefined, `${page} names no script`)
      const answer = await send('GET', new URL(script, page).href)
      same(answer.status, 200, script)
      holds(/javascript/.test(String(answer.headers['content-type'])), `${script} is no script`)
    })
    await check(
      `the ${name}'s page has its own policy, with a nonce of its own each time, and the other headers`,
      async () => {
        const answers = [await send('GET', page), await send('GET', page)]
        const nonces = answers.map(({ text, headers }) => {
          const nonce = /property="csp-nonce" nonce="([^"]{16,})"/.exec(text)?.[1] ?? ''
          holds(nonce !== '', 'the page carries no nonce')
          same(headers['content-security-policy'], contentPolicy(new URL(page).origin, nonce), 'the policy')
          hasHeaders(headers, { ...answerHeaders, ...pageHeaders })
          return nonce
        })
        holds(nonces[0] !== nonces[1], 'two pages have the same nonce')
      },
    )
  }
  await check('an answer of the api has the closed policy, and every header that answers carry', async () => {
    for (const path of ['auth/bootstrap-status', 'auth/me', 'nothing-here']) {
      const { headers } = await send('GET', api(path))
      same(headers['content-security-policy'], closedPolicy, `the policy of ${path}`)
      hasHeaders(headers, answerHeaders)
      holds(Boolean(headers['x-correlation-id']), `${path} has no correlation id`)
      holds(!headers['x-powered-by'] && !/\d/.test(String(headers['server'] ?? '')), 'a version is told')
    }
  })

  const json = { 'content-type': 'application/json' }
  const tooLarge = `{"email":"${'x'.repeat(1_200_000)}"}`
  const refusals: [string, number, () => Promise<Sent>][] = [
    ['a path that is not there', 404, () => send('GET', api('nothing-here'))],
    ['a method that is not there', 405, () => send('DELETE', api('auth/bootstrap-status'))],
    [
      'a body that is too large',
      413,
      () => send('POST', api('auth/signup'), { headers: json, body: tooLarge }),
    ],
    [
      'a body of another type',
      415,
      () => send('POST', api('auth/signup'), { headers: { 'content-type': 'text/xml' }, body: '<a/>' }),
    ],
    [
      'a body that is no JSON',
      400,
      () => send('POST', api('auth/login'), { headers: json, body: '{"email":' }),
    ],
    ['no session', 401, () => send('GET', api('agents'))],
  ]
  for (const [what, status, ask] of refusals) {
    await check(`${what} is a problem+json with ${status}`, async () => isProblem(await ask(), status))
  }
  // The api closes it in silence, which a proxy before it has to put into a status.
  await check('an upgrade to an unknown path is not accepted', async () => {
    for (const path of ['/api/ws/nothing/here', '/api/nothing', '/socket']) {
      const first = await upgradeAnswer(url, path, place.ca)
      holds(!first.startsWith('HTTP/1.1 101'), `${path} answered ${first.slice(0, 200)}`)
    }
  })
  await check('a socket without a ticket is refused', async () => {
    const first = await upgradeAnswer(url, '/api/ws/logs/00000000-0000-4000-8000-000000000000', place.ca)
    // It may be accepted to be told why: a close frame (RFC 6455 5.5.1) follows at once.
    holds(!first.startsWith('HTTP/1.1 101') || first.includes('\x88'), 'it was accepted and stays open')
  })

  async function leadsToHttps(): Promise<void> {
    const port = place.installation?.files.installation['NORA_HTTP_PORT'] ?? '80'
    const { hostname } = new URL(url)
    const answer = await send('GET', `http://${hostname}:${port}/api/auth/me?a=b`)
    same([answer.status, answer.headers['location']], [301, `${url}/api/auth/me?a=b`], 'plain http')
  }
}

function hasHeaders(headers: Sent['headers'], wanted: Record<string, string>): void {
  for (const [name, value] of Object.entries(wanted)) same(headers[name], value, name)
}

/** RFC 9457, and our own fields; nothing of the request is repeated. */
export function isProblem(answer: Sent, status: number, code?: string): void {
  same(answer.status, status, answer.text.slice(0, 300))
  holds(
    /^application\/problem\+json/.test(String(answer.headers['content-type'])),
    `it is ${answer.headers['content-type']}`,
  )
  same(answer.body['status'], status, 'the status in the body')
  for (const name of ['type', 'title', 'code', 'correlationId']) {
    holds(typeof answer.body[name] === 'string', `${name} is missing`)
  }
  if (code !== undefined) same(answer.body['code'], code, 'the code')
}

/**
 * What a WebSocket's handshake gets on a raw connection: all of an answer that refuses it, and of one that accepts it what comes until it
 * is closed, or in silence for twenty seconds; empty when it is closed without a word.
 */
function upgradeAnswer(url: string, path: string, ca: string | undefined): Promise<string> {
  const { protocol, hostname, port, host } = new URL(url)
  const to = { port: Number(port || (protocol === 'https:' ? 443 : 80)), host: hostname }
  const socket =
    protocol === 'https:'
      ? connectTls({ ...to, servername: hostname, ALPNProtocols: ['http/1.1'], ...(ca ? { ca } : {}) })
      : connectPlain(to)
  return new Promise((resolve, reject) => {
    let said = ''
    socket.setEncoding('latin1').setTimeout(20_000, () => socket.destroy())
    socket.on('data', (piece) => {
      said += piece
      if (said.length > 200 || (said.includes('\r\n\r\n') && !said.startsWith('HTTP/1.1 101')))
        socket.destroy()
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET') resolve(said)
      else reject(error)
    })
    socket.once('close', () => resolve(said))
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    )
  })
}
