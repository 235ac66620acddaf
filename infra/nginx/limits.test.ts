import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { problemTitles } from '@nora/contract/problem-titles'
import { withoutStall } from '@nora/testing/own-time'
import { waitUntil } from '@nora/testing/wait-until'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask, type Got } from './testing/ask.ts'
import { adminHost, type Edge, edgePorts, publicHost, startEdge } from './testing/start-edge.ts'

// Stands for the api: says what it was asked.
let hanging = 0
const program = createServer((request, response) => {
  if (request.url === '/api/hang') {
    hanging++
    response.on('close', () => hanging--)
    return
  }
  response.setHeader('x-accel-redirect', '/etc/passwd')
  response.setHeader('strict-transport-security', 'max-age=1')
  response.end(JSON.stringify({ url: request.url, headers: request.headers, raw: request.rawHeaders }))
})
const edges: Edge[] = []
let upstream: string

beforeAll(async () => {
  await once(program.listen(0, '127.0.0.1'), 'listening')
  upstream = `127.0.0.1:${(program.address() as AddressInfo).port}`
})
afterAll(async () => {
  for (const edge of edges) await edge.close()
  program.closeAllConnections()
  program.close()
})
async function edgeWith(settings: Record<string, unknown> = {}): Promise<Edge> {
  const edge = await startEdge({ ...(await edgePorts()), apiUpstream: upstream, ...settings })
  edges.push(edge)
  return edge
}
const problemOf = (got: Got) => {
  expect(got.headers['content-type']).toBe('application/problem+json')
  return JSON.parse(got.text)
}
const times = (count: number, call: () => Promise<Got>) => Promise.all(Array.from({ length: count }, call))
const statuses = (all: Got[]) => all.map(({ status }) => status)

describe('limits of one address', () => {
  const login = (edge: Edge, more: Parameters<typeof ask>[2] = {}) =>
    ask(edge, '/api/auth/login', { method: 'POST', body: '{}', ...more })

  // The limit opens for one more each twelve seconds: a machine that stood still meanwhile has shown nothing.
  test('five sign-ins a minute; the refusal is a problem that says when to come back', () =>
    withoutStall(3_000, async () => {
      const edge = await edgeWith()
      expect(statuses(await times(5, () => login(edge)))).toEqual([200, 200, 200, 200, 200])
      const refused = await login(edge)
      expect(refused.status).toBe(429)
      expect(problemOf(refused)).toEqual({
        type: 'urn:nora:problem:rate-limited',
        title: problemTitles['rate-limited'],
        status: 429,
        code: 'rate-limited',
        retryAfterSeconds: 12,
        correlationId: refused.headers['x-correlation-id'],
      })
      expect(refused.headers).toMatchObject({
        'retry-after': '12',
        'ratelimit-limit': '5',
        'ratelimit-remaining': '0',
        'ratelimit-reset': '12',
        'cache-control': 'no-store',
      })
      // The same by another spelling, and by what stands beside it; at once, since time opens the limit again.
      const spellings = ['/%6Cogin', '//login', '/login?x', '/login/recovery-code']
      const others = spellings.map((path) => ask(edge, `/api/auth${path}`, { method: 'POST', body: '{}' }))
      // Admins’ sign-in counts as one.
      others.push(ask(edge, '/api/admin/auth/login', { method: 'POST', host: adminHost }))
      expect(statuses(await Promise.all(others))).toEqual([429, 429, 429, 429, 429])
      // What is counted apart is open, and so is another address.
      for (const path of ['signup', 'step-up', 'password', 'me', 'refresh'])
        expect((await ask(edge, `/api/auth/${path}`, { method: 'POST', body: '{}' })).status, path).toBe(200)
      expect((await login(edge, { from: '127.0.0.2' })).status).toBe(200)
      expect((await ask(edge, '/api/auth/login', { method: 'OPTIONS' })).status).toBe(200)
    }))

  test.each(['signup', 'step-up', 'password'])('and five of auth/%s', async (path) => {
    const edge = await edgeWith()
    const call = () => ask(edge, `/api/auth/${path}`, { method: 'PATCH', body: '{}' })
    expect(statuses(await times(7, call)).sort()).toEqual([200, 200, 200, 200, 200, 429, 429])
  })

  test('opens again as time goes by', async () => {
    const edge = await edgeWith({ authPerMinute: 60 })
    const began = performance.now()
    const answers = statuses(await times(70, () => login(edge)))
    const seconds = (performance.now() - began) / 1_000 // one more for each
    expect(answers.filter((status) => status === 200).length).toBeLessThanOrEqual(61 + Math.ceil(seconds))
    await waitUntil('a refusal', async () => statuses(await times(70, () => login(edge))).includes(429))
    await waitUntil('the limit to pass', async () => (await login(edge)).status === 200)
  })

  test('of the api, and never met by opening pages', async () => {
    const edge = await edgeWith({ consoleUpstream: upstream })
    for (let page = 0; page < 5; page++) {
      const files = await times(80, () => ask(edge, '/assets/main-1a2b.js'))
      expect(new Set(statuses(files))).toEqual(new Set([200]))
    }
    const calls = await times(90, () => ask(edge, '/api/agents'))
    expect(new Set(statuses(calls))).toEqual(new Set([200]))
    // As often as it takes: time opens the limit again, and a slow machine's flood is slow.
    const refused = await waitUntil('a refusal', async () => {
      const flood = await times(300, () => ask(edge, '/api/agents'))
      return flood.find(({ status }) => status === 429)
    })
    expect(refused.headers).toMatchObject({ 'retry-after': '1', 'ratelimit-limit': '20' })
    expect(problemOf(refused)).toMatchObject({ code: 'rate-limited', retryAfterSeconds: 1 })
  })

  test('of open requests', async () => {
    const edge = await edgeWith({ connectionsPerAddress: 8 })
    const leave = new AbortController()
    const open = Array.from({ length: 8 }, () =>
      ask(edge, '/api/hang', { signal: leave.signal }).catch(() => undefined),
    )
    await waitUntil('eight to be open', () => hanging === 8)
    expect((await ask(edge, '/api/agents')).status).toBe(429)
    expect((await ask(edge, '/api/agents', { from: '127.0.0.3' })).status).toBe(200)
    leave.abort()
    await Promise.all(open)
    await waitUntil('room again', async () => (await ask(edge, '/api/agents')).status === 200)
  })
})

describe('whose address is believed', () => {
  const seenBy = async (edge: Edge, headers: Record<string, string>) =>
    JSON.parse((await ask(edge, '/api/x', { headers })).text).headers as IncomingHttpHeaders

  test('nobody’s word, unless the operator says so; and nothing of it goes on', async () => {
    const edge = await edgeWith()
    const seen = await seenBy(edge, {
      'x-forwarded-for': '198.51.100.7',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'http',
      'x-forwarded-port': '1',
      'x-original-url': '/api/admin',
      'x-rewrite-url': '/api/admin',
      'x-real-ip': '198.51.100.7',
      'cf-connecting-ip': '198.51.100.7',
      forwarded: 'for=198.51.100.7',
      'x-correlation-id': 'mine',
      x_forwarded_for: '198.51.100.7',
    })
    expect(seen).toEqual({
      host: `${publicHost}:${edge.httpsPort}`,
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'https',
    })
  })

  test('a proxy’s that is listed: the right-most address that is no proxy’s', async () => {
    const edge = await edgeWith({ realIp: ['127.0.0.0/8', '10.0.0.0/8'] })
    const seen = await seenBy(edge, { 'x-forwarded-for': '198.51.100.7, 203.0.113.5, 10.1.2.3' })
    expect(seen['x-forwarded-for']).toBe('203.0.113.5')
  })

  test('Cloudflare’s, from Cloudflare’s addresses alone', async () => {
    const edge = await edgeWith({ realIp: 'cloudflare' })
    const seen = await seenBy(edge, { 'cf-connecting-ip': '198.51.100.7', 'x-forwarded-for': '198.51.100.8' })
    expect([seen['x-forwarded-for'], seen['cf-connecting-ip']]).toEqual(['127.0.0.1', undefined])
  })

  test('and who comes around the proxy is refused, where the operator wants that', async () => {
    const edge = await edgeWith({ realIp: ['127.0.0.1'], onlyThroughProxy: true })
    const headers = { 'x-forwarded-for': '203.0.113.5' }
    expect((await ask(edge, '/api/x', { headers })).status).toBe(200)
    for (const path of ['/', '/api/x', '/.problem/404'])
      await expect(ask(edge, path, { headers, from: '127.0.0.2' })).rejects.toThrow(/hang up|ECONNRESET/)
  })

  test('a /64 of IPv6 is one caller, IPv4 in IPv6 is IPv4', async () => {
    // One a minute: the limit does not open again for somebody in the middle of this.
    const edge = await edgeWith({ realIp: ['127.0.0.0/8'], authPerMinute: 1 })
    const login = (address: string) =>
      ask(edge, '/api/auth/login', { method: 'POST', headers: { 'x-forwarded-for': address } })
    expect((await login('2001:db8::1')).status).toBe(200)
    const same = ['2001:db8::2', '2001:db8:0:0:1::', '2001:db8::a:b:c:d', '2001:0db8::ffff', '2001:db8::1']
    for (const address of same) expect((await login(address)).status, address).toBe(429)
    expect((await login('2001:db8:0:1::3')).status).toBe(200)
    expect((await login('203.0.113.5')).status).toBe(200)
    expect((await login('::ffff:203.0.113.5')).status).toBe(429)
    expect((await login('::ffff:203.0.113.6')).status).toBe(200)
    expect((await login('0.0.0.10')).status).toBe(200)
  })
})

describe('what goes on to the api', () => {
  test.each([
    '/api/%61gents/a%2Fb?q=%41&x=//',
    '//api//agents',
    '/api/agents/./x/../y',
    '/api/agents/a/invoke//b%20c/../d?x=#',
  ])('the address byte for byte: %s', async (path) => {
    const edge = edges[0]!
    expect(JSON.parse((await ask(edge, path)).text).url).toBe(path)
  })

  test('and back nothing that speaks to nginx, or of transport', async () => {
    const { headers } = await ask(edges[0]!, '/api/x')
    expect(headers['x-accel-redirect']).toBeUndefined()
    expect(headers['strict-transport-security']).toBeUndefined()
    expect(headers['server']).toBe('nginx')
  })
})

test('an api that is gone is a problem with an id that the log has, and no query is logged', async () => {
  const edge = await edgeWith({ apiUpstream: '127.0.0.1:9' })
  for (const path of [
    '/api/auth/oauth/x/callback?code=canary',
    '/api/agents/a/invoke/x?token=canary',
    '/?t=canary',
  ]) {
    const got = await ask(edge, path, { headers: { referer: 'https://x/?canary', cookie: 'a=canary' } })
    expect(got.status).toBe(502)
    const { correlationId, ...problem } = problemOf(got)
    expect(problem).toMatchObject({ code: 'unavailable', status: 502 })
    expect((await edge.lineOf(correlationId))['path']).toBe(path.split('?')[0])
  }
  expect(await edge.logged()).not.toContain('canary')
})

test('TLS 1.2 and 1.3 alone, and nothing weak', async () => {
  const edge = edges[0]!
  const versions = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const
  const taken = await Promise.all(
    versions.map((version) =>
      ask(edge, '/api/x', {
        tls: { minVersion: version, maxVersion: version, ciphers: 'ALL:@SECLEVEL=0' },
      }).then(
        () => version,
        () => undefined,
      ),
    ),
  )
  expect(taken).toEqual([undefined, undefined, 'TLSv1.2', 'TLSv1.3'])
  await expect(
    ask(edge, '/api/x', { tls: { maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA:ECDHE-ECDSA-AES128-SHA' } }),
  ).rejects.toThrow()
})
