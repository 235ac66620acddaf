import { type Person, person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { type RawBuilder, sql } from 'kysely'
import pg from 'pg'
import { beforeAll, describe, expect, test } from 'vitest'
import { withActor } from '../actor.ts'
import { audit } from '../audit.ts'

// What a compromised api or worker, or a statement smuggled into either, could try at the audit's chain.

const database = testDatabase()
let alice: Person
const tables = ['audit_pending', 'audit_chain', 'audit_head', 'audit_checkpoints', 'configurations']
const bytes = (n: number) => Buffer.alloc(n, 7)

beforeAll(async () => {
  alice = await person(database, 'alice')
})

const codeOf = (error: unknown) => (error as { code?: string }).code
const counts = async () =>
  (
    await database.asSuperuser<{ counts: string }>(
      `select (select count(*) from nora.audit_log) || '/' || (select count(*) from nora.audit_pending) || '/' ||
        (select count(*) from nora.audit_chain) || '/' || (select position from nora.audit_head) as counts`,
    )
  )[0]!.counts

describe.each(['app', 'worker'] as const)('%s', (role) => {
  test.each(tables)('neither reads nor writes %s', async (table) => {
    const before = await counts()
    const name = sql.table(`nora.${table}`)
    const attempts: RawBuilder<unknown>[] = [
      sql`select 1 from ${name}`,
      sql`delete from ${name}`,
      sql`insert into ${name} default values`,
      sql`truncate ${name}`,
      sql`lock table ${name} in access share mode`,
      sql`alter table ${name} disable trigger all`,
      sql`drop table ${name}`,
    ]
    for (const attempt of attempts) {
      const refused = database[role].transaction().execute((tx) => attempt.execute(tx))
      await expect(refused.catch(codeOf)).resolves.toBe('42501')
    }
    expect(await counts()).toBe(before)
  })

  test('cannot keep its rows out of the chain', async () => {
    for (const attempt of [
      sql`alter table nora.audit_log disable trigger audit_waits`,
      sql`drop trigger audit_waits on nora.audit_log`,
      sql`set session_replication_role = replica`,
      sql`create or replace function nora.audit_waits() returns trigger language plpgsql as 'begin return null; end'`,
      sql`alter table nora.audit_log drop constraint audit_log_bounded`,
    ]) {
      await expect(attempt.execute(database[role]).catch(codeOf)).resolves.toBe('42501')
    }
  })

  test('cannot call what is for others', async () => {
    const closed = [
      sql`select nora.write_audit('FORGED', 'system', 'system', null, 'x', 'x', null, null, '{}')`,
      sql`select nora.audit_entry(a) from nora.audit_log a`,
      sql`select nora.json_text('x')`,
      ...(role === 'app'
        ? [
            sql`select * from nora.hold_audit_chain(0)`,
            sql`select * from nora.chain_audit(10)`,
            sql`select nora.seal_audit_head(0, ${bytes(32)}, ${bytes(8)}, ${bytes(32)})`,
            sql`select * from nora.audit_chained(0, 10)`,
            sql`select * from nora.audit_checkpoints_after(0, 10)`,
            sql`select * from nora.audit_status(0)`,
            sql`select nora.add_audit_checkpoint(1, ${bytes(32)}, now(), ${bytes(8)}, ${bytes(64)})`,
            sql`select nora.report_audit_broken('{}')`,
          ]
        : [sql`select nora.report_api_event('ERROR', 'x', null, null, '{}')`]),
    ]
    for (const attempt of closed) {
      await expect(attempt.execute(database[role]).catch(codeOf)).resolves.toBe('42501')
    }
  })
})

describe('a worker’s connection', () => {
  const seal = sql`select nora.seal_audit_head(position, hash, ${bytes(8)}, ${bytes(32)}) from
    (select head as position, hash from nora.hold_audit_chain(0)) h`

  test('cannot leave an end of the chain that is not sealed', async () => {
    const before = await counts()
    const unsealed = database.worker
      .transaction()
      .execute((tx) => sql`select * from nora.chain_audit(10)`.execute(tx))
    await expect(unsealed.catch(codeOf)).resolves.toBe('NR409')
    expect(await counts()).toBe(before)
  })

  test('cannot put a hash of its own in, chain a row again, seal an end twice, or go back', async () => {
    await database.worker.transaction().execute(async (tx) => {
      await sql`select * from nora.chain_audit(1000)`.execute(tx)
      await seal.execute(tx)
    })
    const [head] = await database.asSuperuser<{ position: string; hash: Buffer }>(
      'select position, hash from nora.audit_head',
    )
    const position = Number(head!.position)
    expect(position).toBeGreaterThan(1)
    const again = await sql<{ chained: number }>`select chained from nora.chain_audit(1000)`.execute(
      database.worker,
    )
    expect(again.rows).toEqual([{ chained: 0 }])
    const refused = [
      seal,
      sql`select nora.seal_audit_head(${position - 1}, ${head!.hash}, ${bytes(8)}, ${bytes(32)})`,
      sql`select nora.seal_audit_head(${position}, ${bytes(32)}, ${bytes(8)}, ${bytes(32)})`,
      sql`select nora.add_audit_checkpoint(${position}, ${bytes(32)}, now(), ${bytes(8)}, ${bytes(64)})`,
      sql`select nora.add_audit_checkpoint(${position + 1}, ${head!.hash}, now(), ${bytes(8)}, ${bytes(64)})`,
      sql`select nora.add_audit_checkpoint(0, ${bytes(32)}, now(), ${bytes(8)}, ${bytes(64)})`,
    ]
    for (const attempt of refused) {
      await expect(attempt.execute(database.worker).catch(codeOf)).resolves.toBe('NR409')
    }
    const sign = sql`select nora.add_audit_checkpoint(${position}, ${head!.hash}, now(), ${bytes(8)}, ${bytes(64)})`
    await sign.execute(database.worker)
    await expect(sign.execute(database.worker).catch(codeOf)).resolves.toBe('NR409')
  })
})

describe('what the api may report', () => {
  const report = (type: string, target: string | null = null) =>
    sql`select nora.report_api_event(${type}, ${target}, null, 'c', '{}')`.execute(database.app)

  test('are these types alone, and in nobody’s name', async () => {
    for (const type of ['SIGNED_IN', 'API_KEY_CHANGED', 'AUDIT_CHAIN_BROKEN', 'PERMISSION_CHANGED']) {
      await expect(report(type).catch(codeOf)).resolves.toBe('NR403')
    }
    await report('SIGN_IN_SLOWED', alice.userId)
    await report('ERROR', alice.userId)
    const rows = await database.asSuperuser(
      `select event_type, actor_kind, workspace_id from nora.audit_log order by seq desc limit 2`,
    )
    expect(rows).toEqual([
      { event_type: 'ERROR', actor_kind: 'system', workspace_id: null },
      { event_type: 'SIGN_IN_SLOWED', actor_kind: 'anonymous', workspace_id: alice.workspaceId },
    ])
  })

  test('settings are those of the process itself', async () => {
    await sql`select nora.record_configuration('{"a": 1}')`.execute(database.app)
    const changed = await sql<{
      changed: string[]
    }>`select nora.record_configuration('{"a": 2, "b": 1}') as changed`.execute(database.app)
    expect(changed.rows).toEqual([{ changed: ['a', 'b'] }])
    await sql`select nora.record_configuration('{"a": 2, "b": 1}')`.execute(database.app)
    const rows = await database.asSuperuser<{ target_id: string }>(
      `select target_id from nora.audit_log where event_type = 'CONFIGURATION_CHANGED'`,
    )
    expect(rows.map((row) => row.target_id)).toEqual(['api', 'api'])
  })
})

describe('what a row may hold', () => {
  const write = (details: Record<string, unknown>, target = 'x') =>
    withActor(database.app, alice.actor, (tx) =>
      audit(tx, {
        type: 'BIG',
        actor: { kind: 'user', id: alice.userId },
        workspaceId: alice.workspaceId,
        target: { kind: 'test', id: target },
        details,
      }),
    )

  test('is bounded, so that nobody can stop the chain with one too large to read', async () => {
    await write({ text: 'x'.repeat(60_000) })
    await expect(write({ text: 'x'.repeat(70_000) }).catch(codeOf)).resolves.toBe('23514')
    await expect(write({}, 'x'.repeat(501)).catch(codeOf)).resolves.toBe('23514')
    const huge = withActor(database.app, alice.actor, (tx) =>
      sql`insert into audit_log (event_type, actor_kind, actor_id, workspace_id, details)
        values ('BIG', 'user', ${alice.userId}, ${alice.workspaceId}, '{"a": 1e130000}')`.execute(tx),
    )
    await expect(huge.catch(codeOf)).resolves.toBe('23514')
  })
})

test('another admin of a personal workspace does not see what happened to its owner’s account', async () => {
  const owner = await person(database, 'owner')
  const other = await person(database, 'other')
  await database.asSuperuser(
    `insert into nora.memberships (workspace_id, user_id, role) values ($1, $2, 'admin')`,
    [owner.workspaceId, other.userId],
  )
  const own = ['STEPPED_UP', 'STEP_UP_REFUSED', 'ADMIN_READ']
  await database.asSuperuser(
    `insert into nora.audit_log (event_type, actor_kind, actor_id, workspace_id) select unnest($1::text[]), 'user', $2, $3`,
    [own, owner.userId, owner.workspaceId],
  )
  const seen = (actor: Person['actor']) =>
    withActor(database.app, { ...actor, workspaceId: owner.workspaceId }, async (tx) =>
      (await tx.selectFrom('audit_log').select('event_type').execute()).map((row) => row.event_type),
    )
  expect(await seen(owner.actor)).toEqual(expect.arrayContaining(['SIGNED_IN', ...own]))
  for (const type of ['SIGNED_IN', ...own]) expect(await seen(other.actor)).not.toContain(type)
  expect((await seen(other.actor)).length).toBeGreaterThan(0)
})

test('whoever may verify reads the audit and nothing else', async () => {
  const client = new pg.Client(database.superuserUrl)
  await client.connect()
  try {
    await client.query('set role nora_audit')
    const { rows } = await client.query('select count(*)::int as n from nora.audit_log')
    expect(rows[0].n).toBeGreaterThan(0)
    for (const table of ['agents', 'users', 'credentials', 'sessions', 'configurations']) {
      await expect(client.query(`select 1 from nora.${table}`).catch(codeOf)).resolves.toBe('42501')
    }
    for (const table of ['audit_log', 'audit_chain', 'audit_head']) {
      await expect(client.query(`delete from nora.${table}`).catch(codeOf)).resolves.toBe('42501')
    }
  } finally {
    await client.end()
  }
})
