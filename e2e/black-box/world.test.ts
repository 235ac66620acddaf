import { setupToken, testApi } from '@nora/api/testing/test-api'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { expect, test } from 'vitest'
import { enter } from './world.ts'

const minute = 60_000
let apiIsBehindMs = 0
const database = testDatabase()
const api = testApi(database, testRedis(), { deps: { clock: () => Date.now() - apiIsBehindMs } })
const account = { email: 'alice@example.test', password: 'correct horse alice battery' }

test('checks that go on for longer than a sign-in lasts sign in again, and not soon after a step-up', async () => {
  const signal = AbortSignal.timeout(120_000)
  const signup = await fetch(`${api.url}/api/auth/signup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...account, setupToken }),
  })
  expect(signup.status).toBe(202)
  let now = 0
  const place = { url: api.url }
  expect(await enter({ place, signal }, { ...account, password: 'not hers' }, () => now)).toBeUndefined()
  const alice = (await enter({ place, signal }, account, () => now))!
  const me = (status: number) => alice.api.call('GET', 'auth/me', { expect: [status] })
  const sessions = async () => (await database.asSuperuser('select 1 from nora.sessions')).length
  await me(200)
  expect(await sessions()).toBe(1)
  now = 9 * minute
  // What she is given then is eleven minutes old already.
  apiIsBehindMs = 11 * minute
  await me(401)
  apiIsBehindMs = 0
  await me(401)
  now = 18 * minute
  await me(200)
  expect(await sessions()).toBe(3)
  const stepUp = () =>
    alice.api.call('POST', 'auth/step-up', { body: { password: account.password }, expect: [204] })
  now = 20 * minute
  await stepUp()
  expect(await sessions()).toBe(3)
  now = 23 * minute
  await stepUp()
  expect(await sessions()).toBe(4)
})
