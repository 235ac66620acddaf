import type { RateLimits } from '@nora/config/rate-limits'
import { ownMs } from '@nora/testing/own-time'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { Redis } from 'ioredis'
import { afterEach, describe, expect, test } from 'vitest'
import type { ApiSettings } from '../deps.ts'
import { rawConnection, sendRaw, statusesIn } from '../testing/raw.ts'
import { password, setupToken, startApi, type TestApi } from '../testing/test-api.ts'

// What is told and counted where a request never reaches a route, and what holds when Redis does not answer.
const database = testDatabase()
const redis = testRedis()
const opened: TestApi[] = []
const open = async (rateLimits: Partial<RateLimits>, config: Partial<ApiSettings> = {}) => {
  const api = await startApi(database, redis, { rateLimits, config })
  opened.push(api)
  return api
}
afterEach(async () => {
  for (const api of opened.splice(0)) await api.close()
  const connection = new Redis(redis.url)
  await connection.flushall()
  connection.disconnect()
})
/** So many in a window so long that no machine is slow enough for another one to begin within a test. */
const atMost = (max: number) => ({ max, windowMs: 3_600_000 })
const upgrade = (path: string, ...headers: string[]) =>
  `${[`GET ${path} HTTP/1.1`, ...headers, 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='].join('\r\n')}\r\n\r\n`
const stream = '/api/ws/logs/00000000-0000-4000-8000-000000000000'

describe('every answer tells the limit and counts:', () => {
  const cases: [string, string, string, Record<string, string>, number][] = [
    ['a page that is there', 'GET', '/api/auth/bootstrap-status', {}, 200],
    ['one that needs somebody', 'GET', '/api/auth/me', {}, 401],
    ['one that is not there', 'GET', '/api/nothing', {}, 404],
    ['another method', 'PUT', '/api/auth/login', {}, 405],
    ['an address that cannot be decoded', 'GET', '/api/workspaces/%zz', {}, 400],
    ['a parameter that is too long', 'GET', `/api/workspaces/${'a'.repeat(300)}`, {}, 414],
    ['a body that is no JSON', 'POST', '/api/auth/login', { 'content-type': 'application/json' }, 400],
    ['a body of another type', 'POST', '/api/auth/login', { 'content-type': 'text/plain' }, 415],
    ['a wrong Host', 'GET', '/api/auth/me', { host: 'evil.test' }, 421],
    [
      'a preflight',
      'OPTIONS',
      '/api/auth/me',
      { origin: 'http://a.test', 'access-control-request-method': 'GET' },
      204,
    ],
  ]
  test.each(cases)('%s', async (_, method, path, headers, status) => {
    const api = await open({ global: atMost(2) }, { corsOrigins: ['http://a.test'] })
    const lines = Object.entries({ host: 'localhost', ...headers }).map(
      ([name, value]) => `${name}: ${value}`,
    )
    const bytes = `${[`${method} ${path} HTTP/1.1`, ...lines, ...(method === 'POST' ? ['content-length: 1'] : []), 'connection: close'].join('\r\n')}\r\n\r\n${method === 'POST' ? '{' : ''}`
    for (const remaining of [1, 0]) {
      const answer = await sendRaw(api.url, bytes)
      expect(statusesIn(answer)).toEqual([status])
      expect(answer).toMatch(/^ratelimit-limit: 2\r$/im)
      expect(answer).toMatch(new RegExp(`^ratelimit-remaining: ${remaining}\\r$`, 'im'))
      expect(answer).toMatch(/^ratelimit-reset: \d+\r$/im)
    }
    const over = await sendRaw(api.url, bytes)
    // A preflight is answered all the same, so that the page can read the refusal of the call behind it.
    expect(statusesIn(over)).toEqual([method === 'OPTIONS' ? 204 : 429])
    expect(over).toMatch(/^ratelimit-remaining: 0\r$/im)
    if (method !== 'OPTIONS') expect(over).toMatch(/^retry-after: [1-9]\d*\r$/im)
  })

  test('an upgrade', async () => {
    const api = await open({ global: atMost(2) })
    for (let n = 0; n < 2; n++) {
      expect(statusesIn(await sendRaw(api.url, upgrade(stream, 'Host: localhost')))).toEqual([400])
    }
    const over = await sendRaw(api.url, upgrade(stream, 'Host: localhost'))
    expect(statusesIn(over)).toEqual([429])
    expect(over).toMatch(/^retry-after: [1-9]\d*\r$/im)
    expect(over).toMatch(/^ratelimit-remaining: 0\r$/im)
    expect((await api.anonymous.get('/api/auth/me')).status).toBe(429)
  })
})

test.each([
  ['without Host', [], 400],
  ['with the Host of somebody else', ['Host: evil.test'], 421],
  ['with two Hosts', ['Host: localhost', 'Host: localhost'], 400],
  ['with 200 headers', ['Host: localhost', ...Array(200).fill('X: 1')], 431],
])('an upgrade %s is refused like any request', async (_, headers, status) => {
  const api = await open({})
  expect(statusesIn(await sendRaw(api.url, upgrade(stream, ...headers)))).toEqual([status])
})

test('an upgrade to no address of ours is not found and counts, its connection ends, and so does that of one with a body', async () => {
  const paths = ['/', '/api/ws/', '/api/ws/exec/x', '/api/healthz', '/socket.io/']
  const api = await open({ global: atMost(2 * paths.length) })
  for (const path of paths) {
    for (const length of ['Content-Length: 0', 'Content-Length: 100000']) {
      const connection = await rawConnection(api.url)
      connection.socket.write(upgrade(path, 'Host: localhost', length))
      const said = await connection.closed()
      expect([path, statusesIn(said)]).toEqual([path, [404]])
      expect(said).toMatch(/^connection: close\r$/im)
    }
  }
  expect(statusesIn(await sendRaw(api.url, upgrade('/', 'Host: localhost')))).toEqual([429])
})

describe('behind a proxy', () => {
  const from = (forwarded: string) => ({ 'x-forwarded-for': forwarded })
  test('the right-most stranger is counted, however it is spelt, and what it says about others is nothing', async () => {
    const { anonymous } = await open({ global: atMost(1) }, { trustProxy: ['127.0.0.1', '10.0.0.0/8'] })
    const status = async (forwarded: string) => (await anonymous.get('/api/auth/me', from(forwarded))).status
    expect(await status('198.51.100.1, 203.0.113.1')).toBe(401)
    expect(await status('198.51.100.2, 203.0.113.1')).toBe(429)
    expect(await status('203.0.113.1, 10.1.2.3')).toBe(429)
    expect(await status('::ffff:203.0.113.1')).toBe(429)
    expect(await status('203.0.113.1:4711')).toBe(429)
    expect(await status('198.51.100.1')).toBe(401)
  })

  test('an audit row names the caller, in its normal form', async () => {
    const api = await open({}, { trustProxy: ['127.0.0.1'] })
    const email = 'proxied@nora.test'
    const headers = from('192.0.2.7, ::ffff:203.0.113.9')
    await api.anonymous.post('/api/auth/signup', { email, password, setupToken }, headers)
    const rows = await database.asSuperuser<{ ip: string }>(
      `select host(ip) as ip from nora.audit_log where ip is not null order by seq desc limit 1`,
    )
    expect(rows).toEqual([{ ip: '203.0.113.9' }])
  })
})

test('tickets are counted by person', async () => {
  const api = await open({ tickets: atMost(2) })
  const [ada, bob] = [await api.signUp(), await api.signUp()]
  const ask = (who: typeof ada) =>
    who.post('/api/ws-tickets', { kind: 'logs', agentId: '00000000-0000-4000-8000-000000000000' })
  for (const status of [404, 404, 429]) expect((await ask(ada)).status).toBe(status)
  expect((await ask(bob)).status).toBe(404)
})

test('beginnings of terminals are counted by person, and logs are not among them', async () => {
  const api = await open({ exec: atMost(2) })
  const [ada, bob] = [await api.signUp(), await api.signUp()]
  const ask = (who: typeof ada, kind: string) =>
    who.post('/api/ws-tickets', { kind, agentId: '00000000-0000-4000-8000-000000000000' })
  for (const status of [404, 404, 429]) expect((await ask(ada, 'exec')).status).toBe(status)
  expect((await ask(ada, 'logs')).status).toBe(404)
  expect((await ask(bob, 'exec')).status).toBe(404)
})

test('a list asks Redis once', async () => {
  const api = await open({})
  const user = await api.signUp()
  const connection = new Redis(redis.url)
  try {
    await connection.config('RESETSTAT')
    for (let n = 0; n < 5; n++) expect((await user.get('/api/agents')).status).toBe(200)
    const commands = [...(await connection.info('commandstats')).matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)]
    const asked = Object.fromEntries(commands.map(([, name, calls]) => [name, Number(calls)]))
    const { eval: evals, incr, pttl, pexpire, ...others } = asked
    expect(evals).toBe(5)
    expect([incr, pttl, pexpire ?? 0]).toEqual([5, 5, expect.any(Number)]) // inside the script
    expect(Object.keys(others).filter((name) => !/^(config|info|client|ping)/.test(name))).toEqual([])
  } finally {
    connection.disconnect()
  }
})

test('a Redis that hangs: the limit goes on from where it was, sign-in and sign-up are 503, nobody waits', async () => {
  const api = await open({ global: atMost(8) }, { redisPatience: undefined })
  const { user } = await api.signUp()
  const get = () => api.anonymous.get('/api/auth/me')
  for (const remaining of ['5', '4']) expect((await get()).headers.get('ratelimit-remaining')).toBe(remaining)
  process.kill(redis.server.pid, 'SIGSTOP')
  try {
    const calls = async () => {
      const closed = await api.anonymous.post('/api/auth/login', { email: user!.email, password })
      expect([closed.status, closed.body.code]).toEqual([503, 'unavailable'])
      const signUp = await api.anonymous.post('/api/auth/signup', {
        email: 'x@nora.test',
        password,
        setupToken,
      })
      expect([signUp.status, signUp.body.code]).toEqual([503, 'unavailable'])
      const statuses = []
      for (let n = 0; n < 3; n++) statuses.push((await get()).status)
      expect(statuses).toEqual([401, 401, 429])
      expect((await get()).headers.get('ratelimit-remaining')).toBe('0')
    }
    // Without deadlines of the api's every one of these would wait for the client's own, a minute each.
    expect(await ownMs(calls)).toBeLessThan(15_000)
  } finally {
    process.kill(redis.server.pid, 'SIGCONT')
  }
})
