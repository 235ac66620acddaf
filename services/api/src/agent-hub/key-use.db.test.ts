import { randomUUID } from 'node:crypto'
import { newHubKey } from '@nora/crypto/hub-keys'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { beforeAll, expect, test } from 'vitest'
import { makeKey, program } from '../testing/program.ts'
import { type Team, team } from '../testing/team.ts'
import { startApi, testApi } from '../testing/test-api.ts'

const database = testDatabase()
const redis = testRedis()
const api = testApi(database, redis)
let here: Team

beforeAll(async () => {
  here = await team(api)
})

const ask = async (key: string, headers: Record<string, string> = {}) => {
  const { status, body } = await program(api, key).get('/api/agent-hub/me', headers)
  return status === 200 ? 'let in' : `${status} ${body.code}`
}
const set = (id: string, change: string) =>
  database.asSuperuser(`update nora.api_keys set ${change} where id = $1`, [id])

test('when a key was used is written beside the answer, and once a minute', async () => {
  const made = await makeKey(here.owner, here.id)
  const keys = `/api/workspaces/${here.id}/api-keys`
  const used = async () => {
    const { body } = await here.owner.get(keys)
    return body.items.find((item: { id: string }) => item.id === made.id).lastUsedAt as string | null
  }
  expect(await used()).toBeNull()
  await ask(made.key)
  const first = await waitUntil('the use to be written', used)
  expect(Math.abs(Date.now() - Date.parse(first))).toBeLessThan(60_000)
  await set(made.id, `last_used_at = now() - interval '30 seconds'`)
  const before = await used()
  const again = await startApi(database, redis, { deps: { hubPeppers: api.deps.hubPeppers } })
  await program(again, made.key).get('/api/agent-hub/me')
  await again.close() // waits for what it was writing
  expect(await used()).toBe(before)
})

test('a key that is used after its end, from elsewhere or for another workspace is audited, once for each', async () => {
  const made = await makeKey(here.owner, here.id)
  const refusals = async () =>
    database.asSuperuser<{ reason: string }>(
      `select details ->> 'reason' as reason, actor_kind, actor_id, workspace_id, details ->> 'createdBy' as by
       from nora.audit_log where event_type = 'API_KEY_REFUSED' and target_id = $1 order by 1`,
      [made.id],
    )
  for (let n = 0; n < 3; n++) await ask(made.key, { 'x-nora-workspace': randomUUID() })
  await ask(newHubKey(made.prefix.slice('nora_hub_'.length)))
  await set(made.id, `allowed_cidrs = '{192.0.2.0/24}'`)
  for (let n = 0; n < 3; n++) expect(await ask(made.key)).toBe('403 ip-not-allowed')
  await set(made.id, `created_at = now() - interval '2 days', expires_at = now() - interval '1 second'`)
  expect(await ask(made.key)).toBe('401 api-key-expired')
  await waitUntil('three rows', async () => (await refusals()).length >= 3)
  const row = { actor_kind: 'api_key', actor_id: made.id, workspace_id: here.id, by: here.owner.user!.id }
  expect(await refusals()).toEqual(
    ['api-key-expired', 'ip-not-allowed', 'wrong-workspace'].map((reason) => ({ reason, ...row })),
  )
})
