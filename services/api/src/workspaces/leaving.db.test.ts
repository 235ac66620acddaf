import { eraseLeftKeys } from '@nora/db/workspaces'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import pg from 'pg'
import { expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { type Team, team } from '../testing/team.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())

const make = async (who: Client, t: Team, path: string, body: object) => {
  const answer = await who.post(path, body, t.headers)
  expect(answer.status, answer.text).toBeLessThan(300)
  return answer.body
}
const key = (who: Client, t: Team, sharedWithWorkspace: boolean) =>
  make(who, t, '/api/llm-providers', {
    provider: 'openai',
    label: 'k',
    secret: { apiKey: 'k' },
    sharedWithWorkspace,
  })
const agent = (who: Client, t: Team, providerKeyIds: string[]) =>
  make(who, t, '/api/agents', { name: 'a', runtime: 'starter', providerKeyIds })
const idle = (t: Team) =>
  database.asSuperuser(
    `update nora.operations set status = 'succeeded', finished_at = now() where workspace_id = $1 and status = 'pending'`,
    [t.id],
  )
const seen = async (t: Team, id: string) => (await t.owner.get(`/api/agents/${id}`, t.headers)).body
const stored = async (id: string) =>
  (await database.asSuperuser('select shared_with_workspace from nora.credentials where id = $1', [id]))[0]

test.each(['is removed', 'leaves'])(
  'whoever %s takes their keys along; agents stay and are synced',
  async (how) => {
    const t = await team(api)
    const ed = await t.join('editor')
    const [shared, own, hers] = [await key(ed, t, true), await key(ed, t, false), await key(t.owner, t, true)]
    const his = await agent(ed, t, [own.id, shared.id, hers.id])
    const other = await agent(t.owner, t, [shared.id])
    const untouched = await agent(t.owner, t, [hers.id])
    const stopped = await agent(t.owner, t, [shared.id])
    await idle(t)
    await database.asSuperuser(
      `update nora.agents set desired_state = 'stopped', state = 'stopped' where id = $1`,
      [stopped.id],
    )
    const gone = await t.remove(how === 'leaves' ? ed : t.owner, ed)
    expect(gone.status, gone.text).toBe(200)
    expect(gone.body.notice).toMatch(/replace it at the provider/)
    expect(gone.body.detachedFrom).toHaveLength(3)
    expect(gone.body.detachedFrom).toEqual(
      expect.arrayContaining([
        { agentId: his.id, operationId: expect.any(String) },
        { agentId: other.id, operationId: expect.any(String) },
        { agentId: stopped.id, operationId: null },
      ]),
    )
    expect(await seen(t, his.id)).toMatchObject({
      createdBy: ed.user!.id,
      desiredState: 'running',
      providerKeys: [{ id: hers.id }],
      operation: { kind: 'sync-keys', status: 'queued' },
    })
    expect((await seen(t, other.id)).providerKeys).toEqual([])
    expect(await seen(t, untouched.id)).toMatchObject({
      providerKeys: [{ id: hers.id }],
      operation: { kind: 'provision' },
    })
    const events = (await t.owner.get(`/api/agents/${his.id}/events`, t.headers)).body.items
    expect(events.at(-1)).toMatchObject({
      type: 'keys.detached',
      data: { providerKeyIds: [own.id, shared.id].sort() },
    })
    // The sync cannot be cancelled: it takes a key back.
    const { operation } = await seen(t, his.id)
    const cancelled = await t.owner.post(
      `/api/agents/${his.id}/operations/${operation.id}/cancel`,
      undefined,
      t.headers,
    )
    expect(cancelled.body.code).toBe('agent-busy')

    expect((await t.owner.get('/api/llm-providers', t.headers)).body.items).toMatchObject([{ id: hers.id }])
    expect((await t.owner.get(`/api/llm-providers/${shared.id}`, t.headers)).status).toBe(404)
    const attach = { name: 'b', runtime: 'starter', providerKeyIds: [shared.id] }
    expect((await t.owner.post('/api/agents', attach, t.headers)).status).toBe(404)
    expect((await ed.get('/api/llm-providers', t.headers)).status).toBe(404)
    const rows = await database.asSuperuser(
      `select event_type, details from nora.audit_log where workspace_id = $1 and event_type in ('MEMBER_REMOVED', 'AGENT_KEYS_CHANGED')
       and actor_id = $2 order by seq desc limit 4`,
      [t.id, (how === 'leaves' ? ed : t.owner).user!.id],
    )
    expect(rows[0]).toEqual({
      event_type: 'MEMBER_REMOVED',
      details: { role: 'editor', left: how === 'leaves' },
    })
    expect(rows.filter((row) => row['event_type'] === 'AGENT_KEYS_CHANGED').length).toBeGreaterThanOrEqual(3)
  },
)

test('keys of who left are erased after a week, unless they came back; then they are theirs, and not shared', async () => {
  const t = await team(api)
  const ed = await t.join('editor')
  const [shared, kept] = [await key(ed, t, true), await key(t.owner, t, true)]
  expect((await t.remove(t.owner, ed)).status).toBe(204)
  expect(await stored(shared.id)).toEqual({ shared_with_workspace: false })
  await eraseLeftKeys(database.worker)
  expect(await stored(shared.id)).toBeDefined()
  const token = (await t.invite(t.owner, ed.user!.email, 'editor')).body.token
  expect((await ed.post('/api/workspaces/invitations/accept', { token })).status).toBe(200)
  expect((await ed.get(`/api/llm-providers/${shared.id}`, t.headers)).body.sharedWithWorkspace).toBe(false)
  expect((await t.owner.get(`/api/llm-providers/${shared.id}`, t.headers)).status).toBe(404)

  expect((await t.remove(ed, ed)).status).toBe(204)
  await database.asSuperuser(
    `update nora.credentials set updated_at = now() - interval '8 days' where workspace_id = $1`,
    [t.id],
  )
  expect(await eraseLeftKeys(database.worker)).toBe(1)
  expect(await stored(shared.id)).toBeUndefined()
  expect(await stored(kept.id)).toBeDefined()
})

test('leaving needs no step-up and no role; what one leaves is then not there', async () => {
  const t = await team(api)
  const vera = await t.join('viewer')
  await database.asSuperuser('update nora.sessions set stepped_up_until = null where user_id = $1', [
    vera.user!.id,
  ])
  expect((await t.remove(vera, vera)).status).toBe(204)
  expect((await t.remove(vera, vera)).status).toBe(404)
  expect((await vera.get(`/api/workspaces/${t.id}`)).status).toBe(404)
  expect((await vera.get('/api/workspaces')).body.items).toHaveLength(1)
})

test('removing a member and giving an agent their shared key at once end in one order or the other', async () => {
  const t = await team(api)
  for (let round = 0; round < 6; round++) {
    const ed = await t.join('editor')
    const shared = await key(ed, t, true)
    const held = await agent(t.owner, t, [])
    await idle(t)
    const [attached, removed] = await Promise.all([
      t.owner.patch(`/api/agents/${held.id}`, { providerKeyIds: [shared.id] }, t.headers),
      t.remove(t.owner, ed),
    ])
    expect([200, 404], attached.text).toContain(attached.status)
    expect([200, 204], removed.text).toContain(removed.status)
    expect((await seen(t, held.id)).providerKeys).toEqual([])
  }
})

test('a removal and a worker that records a delivery do not stand in each other’s way', async () => {
  const t = await team(api)
  const ed = await t.join('editor')
  const shared = await key(ed, t, true)
  const held = await agent(t.owner, t, [shared.id])
  const worker = new pg.Client(database.superuserUrl)
  await worker.connect()
  try {
    // The locks of a worker, in its order: operation, agent, and then the key.
    await worker.query(`set deadlock_timeout = '10s'; set lock_timeout = '3s'; begin`)
    await worker.query('select 1 from nora.operations where agent_id = $1 for no key update', [held.id])
    await worker.query('update nora.agents set keys_version = keys_version + 1 where id = $1', [held.id])
    const removed = t.remove(t.owner, ed)
    await waitUntil('the removal to wait', async () => {
      const rows = await database.asSuperuser(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      )
      return rows.length > 0
    })
    await worker.query('update nora.credentials set last_used_at = now() where id = $1', [shared.id])
    await worker.query('commit')
    expect((await removed).body.detachedFrom).toMatchObject([{ agentId: held.id }])
  } finally {
    await worker.end()
  }
})

test('sharing is changed by PATCH, by the key’s owner alone, and without the secret', async () => {
  const t = await team(api)
  const ed = await t.join('editor')
  const mine = await key(t.owner, t, false)
  const path = `/api/llm-providers/${mine.id}`
  const patch = (who: Client, body: object) => who.patch(path, body, t.headers)
  expect((await patch(ed, { sharedWithWorkspace: true })).status).toBe(404)
  const shared = await patch(t.owner, { sharedWithWorkspace: true, label: 'for all' })
  expect(shared.body).toMatchObject({ sharedWithWorkspace: true, label: 'for all', secretVersion: 1 })
  expect((await patch(ed, { sharedWithWorkspace: false })).status).toBe(403)
  const his = await agent(ed, t, [mine.id])
  expect((await patch(t.owner, { sharedWithWorkspace: false })).body).toMatchObject({
    code: 'provider-key-in-use',
    agents: [{ id: his.id }],
  })
  for (const body of [{}, { secret: { apiKey: 'x' } }, { sharedWithWorkspace: 'yes' }]) {
    expect((await patch(t.owner, body)).status).toBe(400)
  }
})
