import { type Person, person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { type TenantRows, tenantRows } from '@nora/testing/rows'
import { type Kysely, sql } from 'kysely'
import { beforeAll, describe, expect, test } from 'vitest'
import { withActor } from '../actor.ts'
import type { DB } from '../schema.ts'

// Tables that name a workspace, each with what one may select of it without naming columns that are closed.
const tenantTables = [
  'agents',
  'agent_credentials',
  'agent_samples',
  'api_keys',
  'audit_log',
  'credentials',
  'events',
  'exec_sessions',
  'given_secrets',
  'idempotency_keys',
  'invitations',
  'log_chunks',
  'log_followers',
  'memberships',
  'operations',
  'streams',
] as const

// Those that name one, too, and that no role reads at all: functions alone do.
const closedTables = ['changes', 'live_streams']

const database = testDatabase()
let alice: Person
let mallory: Person
let hers: TenantRows

beforeAll(async () => {
  alice = await person(database, 'alice')
  mallory = await person(database, 'mallory')
  hers = await tenantRows(database, alice)
  await tenantRows(database, mallory)
})

/** Every row the role sees with the where-clause dropped. */
async function seen(db: Kysely<DB>, table: string): Promise<{ workspace_id: string }[]> {
  return (await sql<{ workspace_id: string }>`select workspace_id from ${sql.table(table)}`.execute(db)).rows
}

test('the lists above are every table with a workspace, and each has row-level security enabled and forced', async () => {
  const rows = await database.asSuperuser<{
    relname: string
    relrowsecurity: boolean
    relforcerowsecurity: boolean
  }>(`
    select c.relname, c.relrowsecurity, c.relforcerowsecurity from pg_class c
    join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'nora'
    join pg_attribute a on a.attrelid = c.oid and a.attname = 'workspace_id' and not a.attisdropped
    where c.relkind in ('r', 'p') order by 1`)
  expect(rows.map((row) => row.relname)).toEqual([...tenantTables, ...closedTables].sort())
  expect(rows.filter((row) => !row.relrowsecurity || !row.relforcerowsecurity)).toEqual([])
})

test.each(closedTables)('%s is read by no role, with a proven context either', async (table) => {
  await expect(seen(database.app, table)).rejects.toMatchObject({ code: '42501' })
  await expect(seen(database.worker, table)).rejects.toMatchObject({ code: '42501' })
  const proven = withActor(database.app, mallory.actor, (tx) => seen(tx, table))
  await expect(proven).rejects.toMatchObject({ code: '42501' })
})

test('accounts, too, are forced; and no role that signs in may bypass', async () => {
  const open = await database.asSuperuser(`
    select relname from pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'nora'
    where relkind = 'r' and not (relrowsecurity and relforcerowsecurity) order by 1`)
  expect(open.map((row) => row['relname'])).toEqual(['context_key', 'gateways', 'workers'])
  const roles = await database.asSuperuser(
    `select rolname from pg_roles where rolname like 'nora_%' and (rolbypassrls or rolsuper)`,
  )
  expect(roles).toEqual([])
})

describe.each(tenantTables)('%s', (table) => {
  test.each(['app', 'worker'] as const)('without a context %s sees no row', async (role) => {
    await expectNothing(() => seen(database[role], table))
  })

  test.each(['app', 'worker'] as const)(
    'a context made with bare set_config shows %s no row',
    async (role) => {
      await expectNothing(() =>
        database[role].transaction().execute(async (tx) => {
          await sql`select set_config('nora.context', ${`user|${alice.userId}|${alice.workspaceId}|owner|||1|1|forged`}, true)`.execute(
            tx,
          )
          return seen(tx, table)
        }),
      )
    },
  )

  test('a proven context shows only its own workspace, where-clause dropped', async () => {
    const rows = await withActor(database.app, mallory.actor, (tx) => seen(tx, table))
    expect(rows.length).toBeGreaterThan(0)
    expect(rows.filter((row) => row.workspace_id !== mallory.workspaceId)).toEqual([])
  })

  test('a context replayed in a later transaction of the same connection shows no row', async () => {
    await database.app.connection().execute(async (connection) => {
      const stolen = await withActor(connection, alice.actor, async (tx) => {
        const { rows } = await sql<{
          value: string
        }>`select current_setting('nora.context') as value`.execute(tx)
        expect((await seen(tx, table)).length).toBeGreaterThan(0)
        return rows[0]!.value
      })
      expect(await seen(connection, table)).toEqual([])
      await connection.transaction().execute(async (tx) => {
        await sql`select set_config('nora.context', ${stolen}, true)`.execute(tx)
        expect(await seen(tx, table)).toEqual([])
      })
    })
  })

  test('writes into the workspace of another are refused or touch nothing', async () => {
    for (const context of ['none', 'own'] as const) {
      const attempt = (run: (tx: Kysely<DB>) => Promise<{ numAffectedRows?: bigint }>) =>
        context === 'own'
          ? withActor(database.app, mallory.actor, (tx) => run(tx))
          : database.app.transaction().execute((tx) => run(tx))
      for (const statement of hostileStatements(table, alice.workspaceId)) {
        const outcome = await attempt((tx) => sql.raw(statement).execute(tx)).then(
          (result) => Number(result.numAffectedRows ?? 0),
          (error: Error & { code?: string }) => {
            // insufficient_privilege (also a policy's refusal) or a constraint that fires before any row is written
            expect(error.code, `${statement}: ${error.message}`).toMatch(/^(42501|23\d{3}|428C9)$/)
            return 0
          },
        )
        expect(outcome, statement).toBe(0)
      }
    }
    const [{ count }] = (await database.asSuperuser<{ count: string }>(
      `select count(*) from nora.${table} where workspace_id = $1`,
      [alice.workspaceId],
    )) as [{ count: string }]
    expect(Number(count)).toBeGreaterThan(0)
  })
})

function hostileStatements(table: string, workspace: string): string[] {
  return [
    `delete from nora.${table} where workspace_id = '${workspace}'`,
    `update nora.${table} set workspace_id = workspace_id where workspace_id = '${workspace}'`,
    `insert into nora.${table} select * from nora.${table} where workspace_id = '${workspace}'`,
    ...(writable[table]?.(workspace) ?? []),
  ]
}

// Inserts that would be right but for the workspace they name: the policy, not a missing column, must refuse them.
const writable: Record<string, (workspace: string) => string[]> = {
  agents: (w) => [
    `update nora.agents set name = 'stolen' where workspace_id = '${w}'`,
    `insert into nora.agents (workspace_id, owner_id, name, runtime, target, sandbox_profile, cpus, memory_mb, disk_mb, pids)
     select '${w}', '${mallory.userId}', 'x', 'image', 'docker', 'standard', 1, 1, 1, 1`,
  ],
  credentials: (w) => [
    `update nora.credentials set label = 'stolen' where workspace_id = '${w}'`,
    `insert into nora.credentials (workspace_id, owner_id, kind, provider, label, sealed, key_version, fingerprint)
     values ('${w}', '${mallory.userId}', 'llm', 'openai', 'x', '\\x${'00'.repeat(128)}', 1, '00000000')`,
  ],
  agent_credentials: (w) => [
    `insert into nora.agent_credentials (workspace_id, agent_id, credential_id) values ('${w}', '${hers.agentId}', '${hers.credentialId}')`,
  ],
  operations: (w) => [
    `insert into nora.operations (workspace_id, agent_id, kind, requested_by) values ('${w}', '${hers.agentId}', 'stop', '${mallory.userId}')`,
  ],
  events: (w) => [
    `insert into nora.events (workspace_id, agent_id, seq, type) values ('${w}', '${hers.agentId}', 99, 'x')`,
  ],
  api_keys: (w) => [
    `insert into nora.api_keys (id, workspace_id, created_by, public_id, name, scopes, expires_at)
     values (gen_random_uuid(), '${w}', '${mallory.userId}', 'abcdefghij', 'x', '{agents:read}', now() + interval '1 day')`,
  ],
  audit_log: (w) => [
    `insert into nora.audit_log (event_type, actor_kind, actor_id, workspace_id) values ('FORGED', 'user', '${mallory.userId}', '${w}')`,
  ],
}

async function expectNothing(look: () => Promise<unknown[]>): Promise<void> {
  const rows = await look().catch((error: Error & { code?: string }) => {
    expect(error.code, error.message).toBe('42501')
    return []
  })
  expect(rows).toEqual([])
}
