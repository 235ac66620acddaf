import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { type Person, person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { tenantRows } from '@nora/testing/rows'
import { sql } from 'kysely'
import { beforeAll, expect, test } from 'vitest'
import { type HubActor, refusalOf, type SessionActor, withActor } from '../actor.ts'
import { createApiKey } from '../api-keys.ts'

// What each scope of a workspace API key is to Postgres, and how it follows its maker's role.

const database = testDatabase()
const codeOf = (error: unknown) => refusalOf(error)?.code ?? (error as { code?: string }).code
let alice: Person
let mallory: Person
let keyCount = 0

beforeAll(async () => {
  alice = await person(database, 'alice')
  mallory = await person(database, 'mallory')
  await database.asSuperuser(`update nora.sessions set stepped_up_until = now() + interval '9 minutes'`)
})

type Scopes = Parameters<typeof createApiKey>[2]['scopes']
type Made = { id: string; actor: HubActor }

async function made(by: Person, scopes: Scopes, actor: SessionActor = by.actor): Promise<Made> {
  const [id, publicId, proof] = [randomUUID(), `k${String(keyCount++).padStart(9, '0')}`, randomBytes(32)]
  const hash = createHash('sha256').update(proof).digest()
  const key = { id, publicId, hash, name: 'k', scopes, allowedCidrs: [], expiresAt: null }
  const from = { ip: null, correlationId: 'test' }
  await withActor(database.app, actor, (tx) => createApiKey(tx, actor, key, from))
  return { id, actor: { kind: 'hub', publicId, proof, workspaceId: null, ip: null } }
}
const tried = ({ actor }: Made, statement: ReturnType<typeof sql>) =>
  withActor(database.app, actor, async (tx) =>
    Number((await statement.execute(tx)).numAffectedRows ?? 0),
  ).catch(codeOf)

const insertAgent = (who: Person) =>
  sql`insert into agents (workspace_id, owner_id, name, runtime, target, sandbox_profile, cpus, memory_mb, disk_mb, pids)
    values (${who.workspaceId}, ${who.userId}, 'x', 'image', 'docker', 'standard', 1, 1, 1, 1)`

test('each scope lets a statement write what it names and nothing else', async () => {
  const { agentId, credentialId } = await tenantRows(database, alice)
  const detach = sql`delete from agent_credentials where agent_id = ${agentId}`
  const attach = sql`insert into agent_credentials (workspace_id, agent_id, credential_id)
    values (${alice.workspaceId}, ${agentId}, ${credentialId})`
  const ask = (kind: string) =>
    sql`insert into operations (workspace_id, agent_id, kind, requested_by)
      values (${alice.workspaceId}, ${agentId}, ${kind}, ${alice.userId})`
  const cancel = sql`update operations set status = 'cancelled' where agent_id = ${agentId} and status = 'pending'`
  const rename = sql`update agents set state_reason = 'x' where id = ${agentId}`
  const logs = sql`select 1 from log_chunks where agent_id = ${agentId}`
  const samples = sql`select 1 from agent_samples where agent_id = ${agentId}`
  const reads = (key: Made) =>
    withActor(database.app, key.actor, async (tx) => ({
      logs: (await logs.execute(tx)).rows.length,
      samples: (await samples.execute(tx)).rows.length,
    }))

  const reader = await made(alice, ['agents:read', 'agents:invoke', 'catalog:read'])
  for (const statement of [insertAgent(alice), ask('stop'), ask('sync-keys')]) {
    expect(await tried(reader, statement)).toBe('42501')
  }
  expect([await tried(reader, rename), await tried(reader, cancel)]).toEqual([0, 0])
  expect(await reads(reader)).toEqual({ logs: 0, samples: 0 })
  const watcher = await made(alice, ['metrics:read'])
  expect(await reads(watcher)).toEqual({ logs: 0, samples: 1 })

  const syncer = await made(alice, ['keys:sync', 'logs:read'])
  expect(await tried(syncer, insertAgent(alice))).toBe('42501')
  expect(await tried(syncer, ask('stop'))).toBe('42501')
  expect(await tried(syncer, ask('sync-keys'))).toBe(1)
  expect(await tried(syncer, cancel)).toBe('42501')
  expect(await reads(syncer)).toEqual({ logs: 1, samples: 0 })

  expect([await tried(syncer, detach), await tried(syncer, attach)]).toEqual([1, 1])

  const writer = await made(alice, ['agents:write'])
  expect(await tried(writer, detach)).toBe(0)
  expect(await tried(writer, attach), 'what keys an agent holds is for another scope').toBe('42501')
  expect(await tried(writer, insertAgent(alice))).toBe(1)
  expect(await tried(writer, insertAgent(mallory))).toBe('42501')
  expect(await tried(writer, ask('sync-keys'))).toBe('42501')
  expect(await tried(writer, ask('redeploy'))).toBe('42501')
  expect(await tried(writer, cancel)).toBe(2)
})

test('demotion narrows a key in the same moment; being disabled or removed ends it', async () => {
  const [team] = await database.asSuperuser<{ id: string }>(
    `insert into nora.workspaces (name) values ('Team') returning id`,
  )
  const join = (who: Person, role: string) =>
    database.asSuperuser(
      `insert into nora.memberships (workspace_id, user_id, role) values ($1, $2, $3)
       on conflict (workspace_id, user_id) do update set role = excluded.role`,
      [team!.id, who.userId, role],
    )
  await join(alice, 'owner')
  await join(mallory, 'admin')
  const key = await made(mallory, ['agents:read', 'agents:write'], {
    ...mallory.actor,
    workspaceId: team!.id,
  })
  const there = { ...mallory, workspaceId: team!.id }
  expect(await tried(key, insertAgent(there))).toBe(1)
  await join(mallory, 'viewer')
  expect(await tried(key, insertAgent(there))).toBe('42501')
  const disable = (at: string) =>
    database.asSuperuser(`update nora.users set disabled_at = ${at} where id = $1`, [mallory.userId])
  await disable('now()')
  expect(await tried(key, sql`select 1`)).toBe('api-key-invalid')
  await disable('null')
  expect(await tried(key, sql`select 1`)).toBe(0)
  await database.asSuperuser('delete from nora.memberships where workspace_id = $1 and user_id = $2', [
    team!.id,
    mallory.userId,
  ])
  await join(mallory, 'owner')
  expect(await tried(key, sql`select 1`), 'coming back brings no key back').toBe('api-key-invalid')
  const ended = await database.asSuperuser(
    `select details ->> 'change' as change, actor_kind from nora.audit_log
     where event_type = 'API_KEY_CHANGED' and target_id = $1 order by seq`,
    [key.id],
  )
  expect(ended).toEqual([
    { change: 'created', actor_kind: 'user' },
    { change: "ended with its creator's membership", actor_kind: 'system' },
  ])
})
