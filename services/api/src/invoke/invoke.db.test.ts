import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { capabilityPublicKey, hashBody, signCapability } from '@nora/crypto/capability'
import { type Gateway, startGateway } from '@nora/gateway/gateway'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const controlSeed = Buffer.alloc(32, 9)
let gateway: Gateway
let ada: Client
let agentId: string
let handle: RequestListener = (_request, response) => response.end()
const program = createServer((request, response) => handle(request, response))

beforeAll(async () => {
  program.listen(0, '127.0.0.1')
  await once(program, 'listening')
  gateway = await startGateway({
    controlAddress: '127.0.0.1',
    controlPort: 0,
    invokePort: 0,
    capabilityKey: capabilityPublicKey(api.deps.capabilitySeed),
    controlKey: capabilityPublicKey(controlSeed),
    allow: (ip) => (ip === '127.0.0.1' ? null : 'not in this test'),
    acceptPeer: () => true,
    log: () => undefined,
  })
  ada = await api.signUp()
  agentId = await agentOf(ada, 'running')
  await route(agentId, ada, (program.address() as AddressInfo).port)
})
afterAll(async () => {
  await gateway?.stop(100)
  program.closeAllConnections()
  program.close()
})

async function agentOf(who: Client, state: string): Promise<string> {
  const made = await who.post('/api/agents', { name: 'a', runtime: 'starter' })
  expect(made.status, made.text).toBe(202)
  const url = `http://127.0.0.1:${gateway.invokePort}`
  await database.asSuperuser(
    `with g as (insert into nora.gateways (index, invoke_url) values (0, $3)
       on conflict (index) do update set invoke_url = $3 returning id)
     update nora.agents set state = $2, state_reason = 'set by the test', gateway_id = (select id from g) where id = $1`,
    [made.body.id, state, url],
  )
  return made.body.id
}

let revision = 0
async function route(id: string, who: Client, port: number): Promise<void> {
  const me = await who.get('/api/auth/me')
  const workspaceId = me.body.personalWorkspaceId
  const body = JSON.stringify({
    revision: ++revision,
    routes: [{ agentId: id, workspaceId, containerId: 'a'.repeat(64), ip: '127.0.0.1', port }],
  })
  const iat = Math.floor(Date.now() / 1000)
  const claims = { aud: 'gateway-control', op: 'PUT /routes', sub: 'test', iat, exp: iat + 30 } as const
  const answer = await fetch(`http://127.0.0.1:${gateway.controlPort}/routes`, {
    method: 'PUT',
    body,
    headers: { 'x-nora-capability': signCapability(controlSeed, { ...claims, bodySha256: hashBody(body) }) },
  })
  expect(answer.status).toBe(204)
}

const textOf = async (message: IncomingMessage) => {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
const invoke = (path: string) => `/api/agents/${agentId}/invoke${path}`

test('a request goes through byte for byte, without the caller’s credentials', async () => {
  let seen: { url: string | undefined; headers: IncomingMessage['headers']; body: string } | undefined
  handle = async (request, response) => {
    seen = { url: request.url, headers: request.headers, body: await textOf(request) }
    response.writeHead(201, { 'content-type': 'application/json', 'x-own': 'yes' }).end('{"ok":true}')
  }
  const answer = await ada.request('POST', invoke('/v1/chat%20x/completions?a=b%2Fc&d'), {
    raw: '{"hello":"wörld"}',
    headers: {
      'content-type': 'application/json',
      'x-nora-workspace': (await ada.get('/api/auth/me')).body.personalWorkspaceId,
      'x-forwarded-for': '6.6.6.6',
      'x-mine': 'kept',
    },
  })
  expect([answer.status, answer.body]).toEqual([201, { ok: true }])
  expect(answer.headers.get('x-own')).toBe('yes')
  expect(answer.headers.get('x-nora-answer')).toBe('agent')
  expect(seen?.url).toBe('/v1/chat%20x/completions?a=b%2Fc&d')
  expect(seen?.body).toBe('{"hello":"wörld"}')
  expect(seen?.headers['x-mine']).toBe('kept')
  expect(seen?.headers['x-correlation-id']).toBe(answer.headers.get('x-correlation-id'))
  const names = Object.keys(seen?.headers ?? {})
  expect(
    names.filter((name) => /^(authorization|cookie|x-csrf|x-nora|x-forwarded|sec-fetch)/.test(name)),
  ).toEqual([])
  expect(JSON.stringify(seen)).not.toContain(ada.accessToken)
})

test('a cookie caller’s cookies and CSRF token stay here; without the token nothing is sent', async () => {
  const eve = await api.signUp({ transport: 'cookie' })
  const id = await agentOf(eve, 'running')
  await route(id, eve, (program.address() as AddressInfo).port)
  let calls = 0
  let headers: IncomingMessage['headers'] = {}
  handle = (request, response) => {
    calls++
    headers = request.headers
    response.end('{}')
  }
  const path = `/api/agents/${id}/invoke/x`
  expect((await eve.post(path, {}, { 'x-csrf-token': undefined })).body.code).toBe('csrf-failed')
  expect((await eve.get(path, { 'sec-fetch-site': 'cross-site' })).body.code).toBe('csrf-failed')
  expect(calls).toBe(0)
  expect((await eve.post(path, {})).status).toBe(200)
  expect(headers.cookie).toBeUndefined()
  expect(headers['x-csrf-token']).toBeUndefined()
  await route(agentId, ada, (program.address() as AddressInfo).port)
})

test('an agent’s page cannot act on our origin', async () => {
  handle = (_request, response) => {
    response.writeHead(200, {
      'content-type': 'text/html',
      'set-cookie': ['nora_at=stolen; Path=/', '__Host-nora_rt=stolen'],
      'content-security-policy': "default-src *; script-src 'unsafe-inline'",
      'access-control-allow-origin': '*',
      'clear-site-data': '"*"',
      'x-nora-gateway': 'problem',
      'cache-control': 'public, max-age=9999',
    })
    response.end('<script>alert(1)</script>')
  }
  const answer = await ada.get(invoke('/page'))
  expect(answer.status).toBe(200)
  expect(answer.cookies).toEqual([])
  expect(answer.headers.get('content-security-policy')).toMatch(/^sandbox;/)
  expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
  expect(answer.headers.get('cache-control')).toBe('no-store')
  expect(answer.headers.get('access-control-allow-origin')).toBeNull()
  expect(answer.headers.get('clear-site-data')).toBeNull()
})

test('a redirect inside the agent stays inside, any other is dropped', async () => {
  handle = (request, response) => {
    const to = request.url === '/in' ? '/login?x=1' : 'https://evil.example/'
    response.writeHead(302, { location: to }).end()
  }
  expect((await ada.get(invoke('/in'))).headers.get('location')).toBe(invoke('/login?x=1'))
  expect((await ada.get(invoke('/out'))).headers.get('location')).toBeNull()
})

test('events arrive as they are sent, and a caller who leaves ends the agent’s work', async () => {
  let next: (() => void) | undefined
  let ended = false
  handle = async (_request, response) => {
    response.on('close', () => {
      ended = true
    })
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: 1\n\n')
    await new Promise<void>((resolve) => {
      next = resolve
    })
    response.write('data: 2\n\n')
  }
  const leave = new AbortController()
  const response = await fetch(`${api.url}${invoke('/events')}`, {
    headers: { authorization: `Bearer ${ada.accessToken}` },
    signal: leave.signal,
  })
  const reader = response.body!.getReader()
  const read = async () => Buffer.from((await reader.read()).value ?? []).toString()
  expect(await read()).toBe('data: 1\n\n')
  next!()
  expect(await read()).toBe('data: 2\n\n')
  leave.abort()
  await waitUntil('the agent to see it', () => ended)
})

test('a body goes on while it is still being sent', async () => {
  const seen: string[] = []
  handle = (request, response) => {
    request.on('data', (chunk) => seen.push(String(chunk)))
    request.on('end', () => response.end('done'))
  }
  const call = request(`${api.url}${invoke('/upload')}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ada.accessToken}`, 'content-type': 'application/x-anything' },
  })
  call.write('first')
  await waitUntil('the first part', () => seen.join('') === 'first')
  call.end('second')
  const [answer] = (await once(call, 'response')) as [IncomingMessage]
  expect([answer.statusCode, await textOf(answer), seen.join('')]).toEqual([200, 'done', 'firstsecond'])
})

test('32 MB in and out keep their bytes', async () => {
  handle = (request, response) => void request.pipe(response)
  const body = Buffer.alloc(32 * 1024 * 1024, 'nora!')
  const response = await fetch(`${api.url}${invoke('/echo')}`, {
    method: 'PUT',
    body,
    headers: { authorization: `Bearer ${ada.accessToken}` },
  })
  expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true)
})

test('an answer that breaks off is broken off', async () => {
  handle = (_request, response) => {
    response.writeHead(200, { 'content-length': '100' })
    response.write('half')
    setImmediate(() => response.destroy())
  }
  await expect(ada.get(invoke('/half'))).rejects.toThrow()
})

describe('what is refused', () => {
  test('more than 100 MB, before it is read', async () => {
    let calls = 0
    handle = (_request, response) => {
      calls++
      response.end()
    }
    const call = request(`${api.url}${invoke('/big')}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ada.accessToken}`, 'content-length': String(101 * 1024 * 1024) },
    })
    call.on('error', () => undefined)
    call.flushHeaders()
    const [answer] = (await once(call, 'response')) as [IncomingMessage]
    expect([answer.statusCode, calls]).toEqual([413, 0])
    call.destroy()
  })

  test.each(['queued', 'provisioning', 'stopping', 'stopped', 'error', 'deleting'])(
    'an agent that is %s',
    async (state) => {
      const id = await agentOf(ada, state)
      const answer = await ada.get(`/api/agents/${id}/invoke/`)
      expect([answer.status, answer.body.code, answer.body.stateReason]).toEqual([
        409,
        'agent-not-running',
        'set by the test',
      ])
    },
  )

  test('an agent the gateway does not know yet, and one that does not listen', async () => {
    const id = await agentOf(ada, 'running')
    expect((await ada.get(`/api/agents/${id}/invoke/`)).body.code).toBe('agent-not-routed')
    const closed = createServer().listen(0, '127.0.0.1')
    await once(closed, 'listening')
    const { port } = closed.address() as AddressInfo
    closed.close()
    await once(closed, 'close')
    await route(agentId, ada, port)
    expect((await ada.get(invoke('/'))).body).toMatchObject({ status: 502, code: 'agent-unreachable' })
    await route(agentId, ada, (program.address() as AddressInfo).port)
  })

  test('somebody else’s agent, and nobody’s, alike', async () => {
    const bob = await api.signUp()
    const foreign = await bob.get(invoke('/'))
    const absent = await bob.get('/api/agents/00000000-0000-4000-8000-000000000000/invoke/')
    expect([foreign.status, absent.status]).toEqual([404, 404])
    expect({ ...foreign.body, correlationId: '' }).toEqual({ ...absent.body, correlationId: '' })
    expect((await api.anonymous.get(invoke('/'))).status).toBe(401)
    expect((await ada.get('/api/agents/not-an-id/invoke/')).status).toBe(400)
  })

  test('a path that leaves the agent’s own', async () => {
    for (const path of ['/a/%2e%2e/b', '/a%5cb', '/%252e%252e/x']) {
      const call = request(`${api.url}/`, {
        path: invoke(path),
        headers: { authorization: `Bearer ${ada.accessToken}` },
      }).end()
      const [answer] = (await once(call, 'response')) as [IncomingMessage]
      expect(answer.statusCode, path).toBe(400)
      answer.resume()
    }
  })
})

test('signing out ends an open stream within five seconds', async () => {
  const carl = await api.signUp()
  const id = await agentOf(carl, 'running')
  await route(id, carl, (program.address() as AddressInfo).port)
  handle = (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: 1\n\n')
  }
  const response = await fetch(`${api.url}/api/agents/${id}/invoke/events`, {
    headers: { authorization: `Bearer ${carl.accessToken}` },
  })
  const reader = response.body!.getReader()
  await reader.read()
  const since = Date.now()
  expect((await carl.post('/api/auth/logout', {})).status).toBe(204)
  await expect(reader.read()).rejects.toThrow()
  expect(Date.now() - since).toBeLessThan(5_500)
})
