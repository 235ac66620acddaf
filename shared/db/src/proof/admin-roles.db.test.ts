import { adminSession, type Person, person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { tenantRows } from '@nora/testing/rows'
import { sql } from 'kysely'
import { beforeAll, describe, expect, test } from 'vitest'
import { refusalOf, type Tx, withActor } from '../actor.ts'
import { type AdminProof, withAdminRead, withAdminTurn } from '../admin-session.ts'

// What the two roles that an admin's transactions take may see and do, by the catalogue and by trying.

const database = testDatabase()
const from = { ip: null, correlationId: 'test' }
let admin: Person
let alice: Person
let operationId: string
let proof: AdminProof

const session = (userId: string, steppedUp = true) => adminSession(database, userId, { steppedUp })

beforeAll(async () => {
  admin = await person(database, 'admin')
  alice = await person(database, 'alice')
  operationId = (await tenantRows(database, alice)).operationId
  proof = await session(admin.userId)
})

const read = <T>(run: (tx: Tx) => Promise<T>, as = proof) =>
  withAdminRead(database.app, as, { what: 'test' }, from, run)
const turn = <T>(run: (tx: Tx) => Promise<T>, as = proof) =>
  withAdminTurn(database.app, as, operationId, from, run)
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => 'answered',
    (error) => refusalOf(error)?.code ?? (error as { code?: string }).code,
  )
const count = async (tx: Tx, table: string) =>
  (await sql<{ n: number }>`select count(*) as n from ${sql.table(table)}`.execute(tx)).rows[0]!.n
const become = (tx: Tx, role: string) => sql`select set_config('role', ${role}, true)`.execute(tx)

describe('the role that reads', () => {
  test('may select these columns and no others, and write nothing', async () => {
    const rows = await database.asSuperuser<{ table: string; columns: string }>(
      `select c.table_name as table, string_agg(c.column_name, ' ' order by c.column_name) as columns from information_schema.columns c
       where c.table_schema = 'nora'
         and has_column_privilege('nora_admin_reader', format('nora.%I', c.table_name), c.column_name, 'select')
       group by 1 order by 1`,
    )
    expect(Object.fromEntries(rows.map((row) => [row.table, row.columns]))).toEqual({
      admin_sessions: 'created_at expires_at id idle_expires_at last_seen_at revoked_at user_id',
      agents:
        'cpus crash_count created_at deleted_at desired_state disk_enforced disk_mb gateway_id generation id last_crash_at ' +
        'memory_mb name observed_generation owner_id pids runtime sandbox_profile state state_changed_at target unhealthy ' +
        'updated_at workspace_id',
      audit_log:
        'actor_id actor_kind correlation_id details event_type id ip seq target_id target_kind ts workspace_id',
      configurations: 'seen_at service settings',
      gateways: 'id index lease_until worker_id',
      installation: 'claimed_at claimed_by id singleton',
      key_rotations: 'finished_at moved_at rate resealed started_at target_version',
      log_followers: 'agent_id lease_until worker_id workspace_id',
      memberships: 'created_at role user_id workspace_id',
      operations:
        'agent_id attempt cancel_requested_at created_at credential_id deadline_at finished_at id kind lease_until not_before ' +
        'requested_by seq started_at status step step_at worker_id workspace_id',
      sealing_keys: 'introduced_at kid8 version',
      sessions: 'created_at expires_at id idle_expires_at last_seen_at revoked_at transport user_id',
      users: 'created_at disabled_at email email_key id name platform_role updated_at',
      workers: 'id key_version kid8 last_seen_at opens started_at version',
      workspaces: 'created_at deleting_since id name personal_of',
    })
    const writable = await database.asSuperuser(
      `select table_name, privilege_type from information_schema.column_privileges
       where table_schema = 'nora' and grantee = 'nora_admin_reader' and privilege_type <> 'SELECT'`,
    )
    expect(writable).toEqual([])
  })

  test('sees no row without a proof, nor with the context of somebody else', async () => {
    const tables = [
      'users',
      'workspaces',
      'memberships',
      'sessions',
      'admin_sessions',
      'agents',
      'operations',
      'audit_log',
    ]
    const looks = (tx: Tx) => Promise.all(tables.map((table) => count(tx, table)))
    const none = tables.map(() => 0)
    const bare = await database.app.transaction().execute(async (tx) => {
      await become(tx, 'nora_admin_reader')
      return looks(tx)
    })
    expect(bare).toEqual(none)
    const asAlice = await withActor(database.app, alice.actor, async (tx) => {
      await become(tx, 'nora_admin_reader')
      return looks(tx)
    })
    expect(asAlice).toEqual(none)
    const kept = await read(
      async (tx) =>
        (await sql<{ c: string }>`select current_setting('nora.context') as c`.execute(tx)).rows[0]!.c,
    )
    const replayed = await database.app.transaction().execute(async (tx) => {
      await sql`select set_config('nora.context', ${kept}, true)`.execute(tx)
      await become(tx, 'nora_admin_reader')
      return looks(tx)
    })
    expect(replayed).toEqual(none)
    expect((await read(looks)).every((n) => n > 0)).toBe(true)
  })

  test('leaves a row of who read what, before the first row is shown; an export goes on with it', async () => {
    const seen = await withAdminRead(
      database.app,
      proof,
      { what: 'x', how: { q: 'y' } },
      from,
      async (tx, seq) => ({
        seq,
        rows: (await sql`select actor_id, target_kind, details from audit_log where seq = ${seq}`.execute(tx))
          .rows,
      }),
    )
    expect(seen.rows).toEqual([{ actor_id: admin.userId, target_kind: 'x', details: { q: 'y' } }])
    const again = (how: Record<string, unknown>, what = 'x', as = proof) =>
      withAdminRead(database.app, as, { what, how }, from, async (tx) => count(tx, 'audit_log'), seen.seq)
    const before = await again({ q: 'y' })
    expect(await again({ q: 'y' })).toBe(before)
    for (const other of [again({ q: 'z' }), again({ q: 'y' }, 'users')])
      expect(await refusal(other)).toBe('forbidden')
  })

  // What an injected statement in an admin's read could do; docs/admin-api.md says it in words.
  test('is left by an injected statement for a role that sees nothing of anybody’s', async () => {
    for (const table of [
      'agents',
      'log_chunks',
      'credentials',
      'events',
      'operations',
      'users',
      'sessions',
      'memberships',
    ]) {
      const found = await read(async (tx) => {
        await become(tx, 'none')
        return sql<{ n: number }>`select count(*) as n from (select 1 from ${sql.table(table)}) x`.execute(tx)
      })
      expect(found.rows[0]!.n, table).toBe(0)
    }
    const hidden = {
      users: 'password_verifier',
      agents: 'env',
      credentials: 'sealed',
      log_chunks: 'data',
      operations: 'reason',
    }
    for (const [table, column] of Object.entries(hidden)) {
      const asked = read((tx) => sql`select ${sql.ref(column)} from ${sql.table(table)}`.execute(tx))
      expect(await refusal(asked), `${table}.${column}`).toBe('42501')
    }
    expect(await refusal(read((tx) => sql`delete from users`.execute(tx)))).toMatch(/42501|25006/)
    for (const role of ['nora_worker', 'nora_owner', 'nora_definer', 'nora_migrator', 'nora_audit']) {
      expect(await refusal(read((tx) => become(tx, role))), role).toBe('42501')
    }
  })
})

describe('the role that has an agent’s turn', () => {
  test('sees that agent and its operations, and neither what it knows nor anybody else’s', async () => {
    const bob = await person(database, 'bob')
    await tenantRows(database, bob)
    expect(await turn((tx) => count(tx, 'agents'))).toBe(1)
    expect(await turn((tx) => count(tx, 'operations'))).toBe(1)
    for (const column of ['env', 'config', 'command', 'image']) {
      expect(await refusal(turn((tx) => sql`select ${sql.ref(column)} from agents`.execute(tx)))).toBe(
        '42501',
      )
    }
    for (const table of ['events', 'log_chunks', 'credentials', 'audit_log', 'users', 'given_secrets']) {
      expect(await refusal(turn((tx) => count(tx, table))), table).toBe('42501')
    }
    const others = await turn((tx) =>
      sql`update operations set reason = 'x' where id <> ${operationId}`.execute(tx),
    )
    expect(others.numAffectedRows).toBe(0n)
    const left = await turn(async (tx) => {
      await become(tx, 'none')
      return Promise.all(['agents', 'operations', 'events', 'log_chunks'].map((table) => count(tx, table)))
    })
    expect(left).toEqual([0, 0, 0, 0])
    const look = async (tx: Tx) => {
      await become(tx, 'nora_admin_operator')
      return [await count(tx, 'agents'), await count(tx, 'operations')]
    }
    expect(await database.app.transaction().execute(look)).toEqual([0, 0])
    expect(await withActor(database.app, alice.actor, look)).toEqual([0, 0])
  })

  test('is no role of a worker’s to take', async () => {
    for (const role of ['nora_admin_reader', 'nora_admin_operator']) {
      const taken = database.worker.transaction().execute((tx) => become(tx, role))
      expect(await refusal(taken), role).toBe('42501')
    }
  })
})
