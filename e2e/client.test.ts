import { setupToken, testApi } from '@nora/api/testing/test-api'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { expect, test } from 'vitest'
import { signedIn, within } from './client.ts'

// The client that the whole-stack tests act with: some of them go on for longer than a sign-in lasts.

const minute = 60_000
let apiIsBehindMs = 11 * minute
const database = testDatabase()
const api = testApi(database, testRedis(), { deps: { clock: () => Date.now() - apiIsBehindMs } })

test('a test that goes on for longer than a sign-in lasts signs in again, once for all who ask', async () => {
  let now = 0
  // What it is given is eleven minutes old already.
  const alice = await signedIn({ url: api.url, setupToken }, 'alice', () => now)
  const { url } = api
  const elsewhere = within({ url, setupToken }, alice, '00000000-0000-4000-8000-000000000000')
  apiIsBehindMs = 0
  const first = alice.token
  expect((await alice.get('auth/me')).status).toBe(401)
  now = 9 * minute
  const all = await Promise.all(['auth/me', 'workspaces', 'agents'].map((path) => alice.get(path)))
  expect(all.map(({ status }) => status)).toEqual([200, 200, 200])
  expect(elsewhere.token).toBe(alice.token)
  expect(alice.token).not.toBe(first)
  expect(await database.asSuperuser('select 1 from nora.sessions')).toHaveLength(2)
})
