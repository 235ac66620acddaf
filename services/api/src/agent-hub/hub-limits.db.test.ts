import { newHubKey, newPublicId } from '@nora/crypto/hub-keys'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { Redis } from 'ioredis'
import { afterEach, expect, test } from 'vitest'
import { makeKey, program } from '../testing/program.ts'
import { stepUp } from '../testing/team.ts'
import { startApi, type TestApi, type TestApiOptions } from '../testing/test-api.ts'

const database = testDatabase()
const redis = testRedis()
const opened: TestApi[] = []
/** So long that no machine is slow enough for another window to begin within a test. */
const few = { max: 3, windowMs: 3_600_000 }

afterEach(async () => {
  for (const api of opened.splice(0)) await api.close()
  const connection = new Redis(redis.url)
  await connection.flushall()
  connection.disconnect()
})

async function open(options: TestApiOptions) {
  const api = await startApi(database, redis, options)
  opened.push(api)
  const owner = await stepUp(await api.signUp())
  const workspaceId = (await owner.get('/api/auth/me')).body.personalWorkspaceId
  return { api, owner, workspaceId }
}
const trusting = { trustProxy: ['127.0.0.1/32'] }
const from = (ip: string) => ({ 'x-forwarded-for': ip })

test('a key may be used so often a minute, reads and writes together, from everywhere; every answer says where it stands', async () => {
  const { api, owner, workspaceId } = await open({ config: trusting, rateLimits: { hub: few } })
  const [one, two] = [
    await makeKey(owner, workspaceId),
    await makeKey(owner, workspaceId, { scopes: ['agents:read'] }),
  ]
  const calls = [
    () => program(api, one.key).get('/api/agent-hub/me', from('203.0.113.1')),
    () => program(api, one.key).post('/api/agent-hub/agents', { name: '' }, from('203.0.113.2')),
    () => program(api, one.key).get('/api/agent-hub/agents', from('203.0.113.3')),
    () => program(api, one.key).get('/api/agent-hub/me', from('203.0.113.4')),
  ]
  const answers = []
  for (const call of calls) answers.push(await call())
  expect(answers.map(({ status }) => status)).toEqual([200, 400, 200, 429])
  expect(answers.map(({ headers }) => headers.get('ratelimit-remaining'))).toEqual(['2', '1', '0', '0'])
  for (const { headers } of answers) {
    expect(headers.get('ratelimit-limit')).toBe('3')
    expect(Number(headers.get('ratelimit-reset'))).toBeGreaterThan(0)
  }
  expect(Number(answers[3]!.headers.get('retry-after'))).toBeGreaterThan(0)
  const refused = await program(api, two.key).get('/api/agent-hub/catalog')
  expect([refused.body.code, refused.headers.get('ratelimit-remaining')]).toEqual(['missing-scope', '2'])
})

test('a rotated key is the same key to its limit', async () => {
  const { api, owner, workspaceId } = await open({ rateLimits: { hub: few } })
  const made = await makeKey(owner, workspaceId)
  for (let n = 0; n < 3; n++) await program(api, made.key).get('/api/agent-hub/me')
  const { body } = await owner.post(`${made.path}/rotate`, {})
  expect((await program(api, body.key).get('/api/agent-hub/me')).status).toBe(429)
})

test('the limit of a person’s changes is not that of their programs', async () => {
  const { api, owner, workspaceId } = await open({ rateLimits: { mutations: { max: 8, windowMs: 60_000 } } })
  const made = await makeKey(owner, workspaceId)
  for (let n = 0; n < 10; n++) {
    expect((await program(api, made.key).post('/api/agent-hub/agents', { name: '' })).status).toBe(400)
  }
})

test('who tries keys has to wait, before anything is looked up; a key that was good a moment ago does not', async () => {
  const { api, owner, workspaceId } = await open({ config: trusting, rateLimits: { hubRefused: few } })
  const [good, late] = [await makeKey(owner, workspaceId), await makeKey(owner, workspaceId)]
  const attempt = async (key: string, ip: string) =>
    (await program(api, key).get('/api/agent-hub/me', from(ip))).status
  expect(await attempt(good.key, '203.0.113.9')).toBe(200)
  const guesses = ['nora_hub_x', newHubKey(newPublicId()), newHubKey(newPublicId()), newHubKey(newPublicId())]
  const statuses = []
  for (const guess of guesses) statuses.push(await attempt(guess, '203.0.113.9'))
  expect(statuses).toEqual([401, 401, 401, 429])
  expect(await attempt(late.key, '203.0.113.9')).toBe(429)
  expect(await attempt(good.key, '203.0.113.9')).toBe(200)
  expect(await attempt(late.key, '203.0.113.10')).toBe(200)
})

test('a key without its scope, or from elsewhere, is no guess', async () => {
  const { api, owner, workspaceId } = await open({ rateLimits: { hubRefused: few } })
  const made = await makeKey(owner, workspaceId, { scopes: ['agents:read'], allowedCidrs: ['203.0.113.1'] })
  const other = await makeKey(owner, workspaceId, { scopes: ['agents:read'] })
  for (let n = 0; n < 5; n++) {
    expect((await program(api, made.key).get('/api/agent-hub/me')).body.code).toBe('ip-not-allowed')
    expect((await program(api, other.key).get('/api/agent-hub/catalog')).body.code).toBe('missing-scope')
  }
})
