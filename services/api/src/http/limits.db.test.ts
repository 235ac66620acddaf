import type { RateLimits } from '@nora/config/rate-limits'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { Redis } from 'ioredis'
import { afterEach, describe, expect, test } from 'vitest'
import type { ApiSettings, Deps } from '../deps.ts'
import { password, setupToken, startApi, type TestApi } from '../testing/test-api.ts'

const database = testDatabase()
const redis = testRedis()
const opened: TestApi[] = []
const open = async (
  rateLimits: Partial<RateLimits>,
  config: Partial<ApiSettings> = {},
  deps: Partial<Deps> = {},
) => {
  const api = await startApi(database, redis, { rateLimits, config, deps })
  opened.push(api)
  return api
}
afterEach(async () => {
  for (const api of opened.splice(0)) await api.close()
  const connection = new Redis(redis.url)
  await connection.flushall()
  connection.disconnect()
})

/** So long that no machine is slow enough for another window to begin within a test. */
const hourMs = 3_600_000
const few = { max: 3, windowMs: hourMs }

describe('the limit of an address', () => {
  test('is told on every answer and ends in 429', async () => {
    const { anonymous } = await open({ global: few })
    const paths = ['/api/auth/bootstrap-status', '/api/auth/me', '/api/nothing', '/api/auth/bootstrap-status']
    const answers = []
    for (const path of paths) answers.push(await anonymous.get(path))
    expect(answers.map(({ status }) => status)).toEqual([200, 401, 404, 429])
    expect(answers.map(({ headers }) => headers.get('ratelimit-remaining'))).toEqual(['2', '1', '0', '0'])
    for (const { headers } of answers) {
      expect(headers.get('ratelimit-limit')).toBe('3')
      expect(Number(headers.get('ratelimit-reset'))).toBeGreaterThan(0)
    }
    expect(answers[3]!.body.code).toBe('rate-limited')
    expect(Number(answers[3]!.headers.get('retry-after'))).toBeGreaterThan(0)
  })

  test('is shared by every api process on one Redis', async () => {
    const [one, two] = [await open({ global: few }), await open({ global: few })]
    for (const api of [one, one, one]) await api.anonymous.get('/api/auth/me')
    // Each test api draws its own JWT secret, with which addresses are blinded: the same one makes them one server.
    const same = await open({ global: few }, { jwtSecrets: one.deps.config.jwtSecrets })
    const statuses = []
    for (const api of [same, two]) statuses.push((await api.anonymous.get('/api/auth/me')).status)
    expect(statuses).toEqual([429, 401])
  })

  test('is counted in Redis for as long as an api has patience with it', async () => {
    const [patient, quick] = [await open({ global: few }), await open({}, { redisPatience: undefined })]
    process.kill(redis.server.pid, 'SIGSTOP')
    let first: ReturnType<typeof patient.anonymous.get>
    try {
      first = patient.anonymous.get('/api/auth/me')
      await quick.anonymous.get('/api/auth/me')
      expect(quick.logged.join()).toContain('calls are counted in memory')
    } finally {
      process.kill(redis.server.pid, 'SIGCONT')
    }
    const answers = [await first, await patient.anonymous.get('/api/auth/me')]
    expect(answers.map(({ headers }) => headers.get('ratelimit-remaining'))).toEqual(['2', '1'])
    expect(patient.logged.join()).not.toContain('counted in memory')
  })

  test('leaves health alone, and a refusal can be read by an allowed page', async () => {
    const { anonymous } = await open({ global: few }, { corsOrigins: ['https://console.example.test'] })
    for (let n = 0; n < 4; n++) await anonymous.get('/api/auth/me')
    expect((await anonymous.get('/api/healthz')).status).toBe(200)
    const refused = await anonymous.get('/api/auth/me', { origin: 'https://console.example.test' })
    expect(refused.status).toBe(429)
    expect(refused.headers.get('access-control-allow-origin')).toBe('https://console.example.test')
  })

  test('believes X-Forwarded-For of a trusted proxy alone, and counts IPv6 by /64', async () => {
    const from = (ip: string) => ({ 'x-forwarded-for': ip })
    const trusting = await open({ global: { max: 1, windowMs: hourMs } }, { trustProxy: ['127.0.0.1/32'] })
    const status = async (ip: string) => (await trusting.anonymous.get('/api/auth/me', from(ip))).status
    expect(await status('203.0.113.1')).toBe(401)
    expect(await status('203.0.113.2')).toBe(401)
    expect(await status('203.0.113.1')).toBe(429)
    expect(await status('2001:db8::1')).toBe(401)
    expect(await status('2001:db8::ffff')).toBe(429)
    expect(await status('2001:db8:0:1::1')).toBe(401)
    expect(await status('not an address')).toBe(401)
    const careful = await open({ global: { max: 1, windowMs: hourMs } })
    expect((await careful.anonymous.get('/api/auth/me', from('203.0.113.3'))).status).toBe(401)
    expect((await careful.anonymous.get('/api/auth/me', from('203.0.113.4'))).status).toBe(429)
  })

  test('puts neither address nor id in Redis', async () => {
    const api = await open({})
    const user = await api.signUp()
    await user.post('/api/auth/logout')
    const connection = new Redis(redis.url)
    const keys = await connection.keys('*')
    connection.disconnect()
    expect(keys.length).toBeGreaterThan(3)
    expect(keys.join()).not.toMatch(/127\.0\.0\.1|@/)
    expect(keys.join()).not.toContain(user.user!.id)
  })
})

test('a sign-in waits for Redis as long as an api has patience with it', async () => {
  const [patient, quick] = [await open({}), await open({}, { redisPatience: undefined })]
  const signIn = (api: TestApi) =>
    api.anonymous.post('/api/auth/login', { email: 'nobody@nora.test', password })
  process.kill(redis.server.pid, 'SIGSTOP')
  let waiting: ReturnType<typeof signIn>
  try {
    waiting = signIn(patient)
    expect((await signIn(quick)).status).toBe(503)
  } finally {
    process.kill(redis.server.pid, 'SIGCONT')
  }
  expect((await waiting).status).toBe(401)
})

describe('the other limits', () => {
  test('mutations are counted by person, reads are not', async () => {
    const api = await open({ mutations: few })
    // Sign-up and two sign-ins come from one address, nobody is signed in yet.
    const one = await api.signUp()
    const patch = () => one.patch('/api/auth/password', { currentPassword: 'x', newPassword: password })
    for (const status of [401, 401, 401, 429]) expect((await patch()).status).toBe(status)
    expect((await one.get('/api/auth/me')).status).toBe(200)
  })

  test('passwords: a person may guess a few times', async () => {
    const api = await open({ password: few })
    const user = await api.signUp()
    const patch = () => user.patch('/api/auth/password', { currentPassword: 'x', newPassword: password })
    for (const status of [401, 401, 401, 429]) expect((await patch()).status).toBe(status)
  })

  test.each([
    ['burst', { signupBurst: few }],
    ['daily', { signupDaily: few }],
  ])('sign-up %s, and what is not even valid does not count', async (_, rateLimits) => {
    const { anonymous } = await open(rateLimits)
    const signUp = (email: string) => anonymous.post('/api/auth/signup', { email, password, setupToken })
    for (let n = 0; n < 5; n++) expect((await signUp('nobody')).status).toBe(400)
    for (const status of [202, 202, 202, 429])
      expect((await signUp(`u${Math.random()}@nora.test`)).status).toBe(status)
  })
})

describe('guessing at an account', () => {
  const login = { max: 3, windowMs: hourMs, backoffMs: 300 }
  const attempt = (api: TestApi, email: string, given: string, ip = '203.0.113.9') =>
    api.anonymous.post('/api/auth/login', { email, password: given }, { 'x-forwarded-for': ip })
  const trusting = { trustProxy: ['127.0.0.1/32'] }

  test('is slowed down from every address together, and is never a lock-out', async () => {
    // By a clock of the test's own: how long four hashes take on a busy machine is no part of what is tested.
    let now = Date.now()
    const api = await open({ login }, trusting, { clock: () => now })
    const { user } = await api.signUp()
    const addresses = ['203.0.113.1', '203.0.113.2', '203.0.113.3', '203.0.113.4']
    const answers = []
    for (const ip of addresses) answers.push(await attempt(api, user!.email.toUpperCase(), 'wrong', ip))
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 429])
    expect(answers[3]!.headers.get('retry-after')).toBe('1')
    // A stranger's refused attempts do not push the end of the pause away.
    for (let n = 0; n < 5; n++) {
      now += 50
      expect((await attempt(api, user!.email, password)).status).toBe(429)
    }
    now += 50
    expect((await attempt(api, user!.email, password)).status).toBe(200)
    expect((await attempt(api, user!.email, 'wrong')).status).toBe(401)
  })

  test('waits twice as long after each further attempt, and never longer than the window', async () => {
    let now = Date.now()
    const steep = { max: 1, windowMs: 60_000, backoffMs: 20_000 }
    const api = await open({ login: steep }, trusting, { clock: () => now })
    for (const pauseMs of [20_000, 40_000, 60_000, 60_000]) {
      expect((await attempt(api, 'nobody@nora.test', 'wrong')).status).toBe(401)
      now += pauseMs - 1
      expect((await attempt(api, 'nobody@nora.test', 'wrong')).status).toBe(429)
      now += 1
    }
  })

  test('does not keep the owner out where they have signed in before', async () => {
    const api = await open({ login: { ...login, backoffMs: hourMs } }, trusting)
    const { user } = await api.signUp()
    expect((await attempt(api, user!.email, password, '198.51.100.7')).status).toBe(200)
    for (let n = 0; n < 6; n++) await attempt(api, user!.email, 'wrong')
    expect((await attempt(api, user!.email, 'wrong')).status).toBe(429)
    expect((await attempt(api, user!.email, password, '198.51.100.7')).status).toBe(200)
  })

  test('an address without an account is slowed down just so', async () => {
    const api = await open({ login: { ...login, backoffMs: hourMs } }, trusting)
    const statuses = []
    for (let n = 0; n < 4; n++) statuses.push((await attempt(api, 'nobody@nora.test', 'wrong')).status)
    expect(statuses).toEqual([401, 401, 401, 429])
  })

  test('many at once are no way round it', async () => {
    const api = await open({ login: { ...login, backoffMs: hourMs } }, trusting)
    const { user } = await api.signUp()
    await api.anonymous.post('/api/auth/logout')
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, n) => attempt(api, user!.email, 'wrong', `192.0.2.${n + 1}`)),
    )
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(3)
  })
})
