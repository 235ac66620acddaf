import { defaultRateLimits } from '@nora/config/rate-limits'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { expect, test } from 'vitest'
import { password, testApi } from '../testing/test-api.ts'

// The limits as they are unless an operator changes them. What is counted is the attempt: one without the setup token
// costs no hash.
const { login, signupBurst, signupDaily } = defaultRateLimits
const database = testDatabase()
const config = { trustProxy: ['127.0.0.1/32'] }
const burst = testApi(database, testRedis(), { config, rateLimits: { signupBurst } })
const daily = testApi(database, testRedis(), { config, rateLimits: { signupDaily } })
// By a clock that stands still: how long the hashes take is no part of what is tested.
const now = Date.now()
const guessed = testApi(database, testRedis(), { config, rateLimits: { login }, deps: { clock: () => now } })

const attempt = (api: typeof burst, ip: string) =>
  api.anonymous.post('/api/auth/signup', { email: 'a@nora.test', password }, { 'x-forwarded-for': ip })
const statuses = async (api: typeof burst, ips: string[]) => {
  const found = []
  for (const ip of ips) found.push((await attempt(api, ip)).status)
  return found
}

test('sign-up: three in ten minutes from one address', async () => {
  expect(await statuses(burst, Array(4).fill('203.0.113.7'))).toEqual([403, 403, 403, 429])
  const refused = await attempt(burst, '203.0.113.7')
  expect(refused.body.code).toBe('rate-limited')
  const seconds = Number(refused.headers.get('retry-after'))
  expect(seconds).toBeGreaterThan(500)
  expect(seconds).toBeLessThanOrEqual(600)
  expect((await attempt(burst, '203.0.113.8')).status).toBe(403)
})

test('sign-up: ten in a day', async () => {
  expect(await statuses(daily, Array(11).fill('203.0.113.7'))).toEqual([...Array(10).fill(403), 429])
  const seconds = Number((await attempt(daily, '203.0.113.7')).headers.get('retry-after'))
  expect(seconds).toBeGreaterThan(86_000)
  expect(seconds).toBeLessThanOrEqual(86_400)
})

test('sign-up: of IPv6 the /64 is one address, and an IPv4 address in IPv6 clothes is itself', async () => {
  const one = ['2001:db8:1:1::1', '2001:db8:1:1::2', '2001:db8:1:1:ffff::3']
  expect(await statuses(burst, [...one, '2001:db8:1:1:8000::'])).toEqual([403, 403, 403, 429])
  expect((await attempt(burst, '2001:db8:1:2::1')).status).toBe(403)
  const mapped = ['198.51.100.1', '::ffff:198.51.100.1', '::ffff:c633:6401', '198.51.100.1']
  expect(await statuses(burst, mapped)).toEqual([403, 403, 403, 429])
  expect((await attempt(burst, '::ffff:198.51.100.2')).status).toBe(403)
})

test('sign-in: ten in a quarter of an hour to one account from everywhere, then a pause of half a minute', async () => {
  const guess = (n: number) =>
    guessed.anonymous.post(
      '/api/auth/login',
      { email: 'somebody@nora.test', password: 'a guess' },
      { 'x-forwarded-for': `203.0.113.${n}` },
    )
  const found = []
  for (let n = 1; n <= 11; n++) found.push(await guess(n))
  expect(found.map((answer) => answer.status)).toEqual([...Array(10).fill(401), 429])
  expect(found[10]!.headers.get('retry-after')).toBe('30')
})
