import { randomBytes } from 'node:crypto'
import { hashHubProof, hubKeyProver } from '@nora/crypto/hub-keys'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeKey, program } from '../testing/program.ts'
import { type Team, team } from '../testing/team.ts'
import { startApi, type TestApi } from '../testing/test-api.ts'

// Three processes of one server, as they stand while NORA_API_KEY_PEPPER is exchanged.
const database = testDatabase()
const redis = testRedis()
const [before, after] = [randomBytes(32), randomBytes(32)] as const
let old: TestApi
let both: TestApi
let gone: TestApi
let here: Team

beforeAll(async () => {
  const started = [[before], [after, before], [after]].map((hubPeppers) =>
    startApi(database, redis, { deps: { hubPeppers } }),
  )
  ;[old, both, gone] = (await Promise.all(started)) as [TestApi, TestApi, TestApi]
  here = await team(old)
})
afterAll(() => Promise.all([old, both, gone].map((api) => api.close())))

const ask = async (api: TestApi, key: string) => {
  const { status, body } = await program(api, key).get('/api/agent-hub/me')
  return status === 200 ? 'let in' : `${status} ${body.code}`
}
const hashesOf = async (id: string) =>
  (
    await database.asSuperuser<{ hash: Buffer }>('select hash from nora.api_key_secrets where key_id = $1', [
      id,
    ])
  ).map(({ hash }) => hash)
const left = async (since: Date) => {
  const [row] = await database.asSuperuser<{ n: string }>('select nora.hub_keys_before($1) as n', [since])
  return Number(row!.n)
}

test('a key that is used while the pepper is exchanged lives on under the new one; what was not used stops with the old', async () => {
  const [used, unused] = [await makeKey(here.owner, here.id), await makeKey(here.owner, here.id)]
  const exchanged = new Date()
  expect(await left(exchanged)).toBe(2)
  // Several calls at once, as programs do: the first of them renews it, and all are let in.
  expect(await Promise.all([1, 2, 3, 4].map(() => ask(both, used.key)))).toEqual(Array(4).fill('let in'))
  expect(await hashesOf(used.id)).toEqual([hashHubProof(hubKeyProver(after)(used.key))])
  expect(await left(exchanged)).toBe(1)
  expect([await ask(gone, used.key), await ask(gone, unused.key)]).toEqual(['let in', '401 api-key-invalid'])
  expect(await ask(both, unused.key)).toBe('let in')
  expect([await left(exchanged), await ask(gone, unused.key)]).toEqual([0, 'let in'])
})

test('a call whose key another call renews in between is let in', async () => {
  const made = await makeKey(here.owner, here.id)
  const other = new pg.Client(database.superuserUrl)
  await other.connect()
  try {
    await other.query('begin')
    await other.query('update nora.api_key_secrets set hash = $1, hashed_at = now() where key_id = $2', [
      hashHubProof(hubKeyProver(after)(made.key)),
      made.id,
    ])
    const asked = ask(both, made.key)
    await waitUntil('the call to wait for the renewal', async () => {
      const rows = await database.asSuperuser(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      )
      return rows.length > 0
    })
    await other.query('commit')
    expect(await asked).toBe('let in')
  } finally {
    await other.end()
  }
})

test('a key that has ended is as ended as before, and one that is none is none', async () => {
  const made = await makeKey(here.owner, here.id)
  await database.asSuperuser(
    `update nora.api_keys set created_at = now() - interval '2 days', expires_at = now() - interval '1 second' where id = $1`,
    [made.id],
  )
  expect(await ask(both, made.key)).toBe('401 api-key-expired')
  const other = await makeKey(here.owner, here.id)
  expect((await here.owner.delete(other.path)).status).toBe(204)
  expect(await ask(both, other.key)).toBe('401 api-key-invalid')
})
