import { randomBytes } from 'node:crypto'
import { type Person, person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { type TenantRows, tenantRows } from '@nora/testing/rows'
import { sql } from 'kysely'
import { beforeAll, describe, expect, test } from 'vitest'
import { refusalOf, withActor } from '../actor.ts'

const database = testDatabase()
let alice: Person
let mallory: Person
let hers: TenantRows

beforeAll(async () => {
  alice = await person(database, 'alice')
  mallory = await person(database, 'mallory')
  hers = await tenantRows(database, alice)
})

const codeOf = (error: unknown) => (error as { code?: string }).code

describe('a session proof', () => {
  test('with the wrong secret is refused', async () => {
    const refused = withActor(database.app, { ...alice.actor, secret: randomBytes(32) }, async () => 'in')
    await expect(refused.catch((error) => refusalOf(error))).resolves.toEqual({
      status: 401,
      code: 'session-invalid',
    })
  })

  test('for a workspace one is no member of is the same as for one that does not exist', async () => {
    const answers = await Promise.all(
      [mallory.workspaceId, '00000000-0000-4000-8000-000000000000'].map((workspaceId) =>
        withActor(database.app, { ...alice.actor, workspaceId }, async () => 'in').catch((error) =>
          refusalOf(error),
        ),
      ),
    )
    expect(answers[0]).toEqual({ status: 404, code: 'not-found' })
    expect(answers[1]).toEqual(answers[0])
  })

  test.each([
    ['revoked', 'update nora.sessions set revoked_at = now() where id = $1'],
    ['expired', "update nora.sessions set expires_at = now() - interval '1 s' where id = $1"],
    ['idle too long', "update nora.sessions set idle_expires_at = now() - interval '1 s' where id = $1"],
    [
      'of a disabled person',
      'update nora.users set disabled_at = now() where id = (select user_id from nora.sessions where id = $1)',
    ],
  ])('%s is refused', async (_, change) => {
    const someone = await person(database, 'someone')
    await withActor(database.app, someone.actor, async () => 'in')
    await database.asSuperuser(change, [someone.sessionId])
    await expect(withActor(database.app, someone.actor, async () => 'in').catch(codeOf)).resolves.toBe(
      'NR401',
    )
  })
})

test('the signing key and the signing functions are closed to both roles', async () => {
  for (const role of ['app', 'worker'] as const) {
    for (const attempt of [
      sql`select * from nora.context_key`,
      sql`select nora.context_mac('x')`,
      sql`select nora.context_field(2)`,
      sql`select nora.set_context('user', ${alice.userId}, ${alice.workspaceId}, 'owner', null, null)`,
      sql`set role nora_definer`,
      sql`create temp table agents (id int)`,
      sql`create table nora.mine (id int)`,
      sql`create function nora.workspace() returns uuid language sql as 'select null::uuid'`,
    ]) {
      await expect(attempt.execute(database[role]).catch(codeOf)).resolves.toBe('42501')
    }
  }
})

test('a context taken from another connection opens nothing', async () => {
  await withActor(database.app, alice.actor, async (tx) => {
    const { rows } = await sql<{ value: string }>`select current_setting('nora.context') as value`.execute(tx)
    await database.app.transaction().execute(async (other) => {
      await sql`select set_config('nora.context', ${rows[0]!.value}, true)`.execute(other)
      const seen = await sql`select 1 from agents`.execute(other)
      expect(seen.rows).toEqual([])
    })
  })
})

test('an error or a rollback leaves no context behind on the pooled connection', async () => {
  await database.app.connection().execute(async (connection) => {
    await withActor(connection, alice.actor, (tx) => sql`select 1 / 0`.execute(tx)).catch(
      () => 'failed as it should',
    )
    expect((await sql`select 1 from agents`.execute(connection)).rows).toEqual([])
  })
})

test('the api may not select what is sealed, nor any hash', async () => {
  for (const query of [
    sql`select sealed from credentials`,
    sql`select * from credentials`,
    sql`select secret_hash from sessions`,
    sql`select password_salt from users`,
    sql`select password_verifier from users`,
    sql`select ticket_hash from streams`,
    sql`select * from refresh_tokens`,
  ]) {
    await expect(withActor(database.app, alice.actor, (tx) => query.execute(tx)).catch(codeOf)).resolves.toBe(
      '42501',
    )
  }
})

test('a viewer in a workspace reads and does not write', async () => {
  await database.asSuperuser(
    `insert into nora.memberships (workspace_id, user_id, role) values ($1, $2, 'viewer')`,
    [alice.workspaceId, mallory.userId],
  )
  const viewer = { ...mallory.actor, workspaceId: alice.workspaceId }
  const result = await withActor(database.app, viewer, async (tx, entered) => {
    const read = await sql`select 1 from agents`.execute(tx)
    const wrote = await sql`update agents set name = 'x'`.execute(tx)
    return { role: entered.role, read: read.rows.length, wrote: Number(wrote.numAffectedRows) }
  })
  expect(result).toEqual({ role: 'viewer', read: 1, wrote: 0 })
  const insert = withActor(database.app, viewer, (tx) =>
    sql`insert into operations (workspace_id, agent_id, kind, requested_by) values (${alice.workspaceId}, ${hers.agentId}, 'stop', ${mallory.userId})`.execute(
      tx,
    ),
  )
  await expect(insert.catch(codeOf)).resolves.toBe('42501')
})

describe('an operation proof', () => {
  const lease = (operationId: string, worker: string, seconds: number) =>
    sql<{
      attempt: number
    }>`select attempt from nora.lease_operation(${operationId}, ${worker}, make_interval(secs => ${seconds}))`
      .execute(database.worker)
      .then(({ rows }) => rows[0]?.attempt)

  test('shows one agent of one workspace, and dies with its lease', async () => {
    const attempt = await lease(hers.operationId, 'w1', 60)
    expect(attempt).toBe(1)
    const actor = { kind: 'operation', operationId: hers.operationId, workerId: 'w1', attempt: 1 } as const
    const seen = await withActor(database.worker, actor, async (tx) => ({
      agents: (await tx.selectFrom('agents').select('id').execute()).map((row) => row.id),
      keys: (await tx.selectFrom('credentials').select('id').execute()).map((row) => row.id),
    }))
    expect(seen).toEqual({ agents: [hers.agentId], keys: [hers.credentialId] })
    expect(await lease(hers.operationId, 'w2', 60)).toBeUndefined()
    await database.asSuperuser(
      `update nora.operations set lease_until = now() - interval '1 s' where id = $1`,
      [hers.operationId],
    )
    await expect(withActor(database.worker, actor, async () => 'in').catch(codeOf)).resolves.toBe('NR409')
    expect(await lease(hers.operationId, 'w2', 60)).toBe(2)
    for (const stale of [actor, { ...actor, attempt: 2 }, { ...actor, workerId: 'w2' }]) {
      await expect(withActor(database.worker, stale, async () => 'in').catch(codeOf)).resolves.toBe('NR409')
    }
  })

  test('does not reach the key of another owner, even when a row attaches it', async () => {
    const theirs = await tenantRows(database, mallory)
    await database.asSuperuser('update nora.credentials set owner_id = $1 where id = $2', [
      alice.userId,
      theirs.credentialId,
    ])
    expect(await lease(theirs.operationId, 'w1', 60)).toBe(1)
    const actor = { kind: 'operation', operationId: theirs.operationId, workerId: 'w1', attempt: 1 } as const
    const keys = await withActor(database.worker, actor, (tx) =>
      tx.selectFrom('credentials').select('id').execute(),
    )
    expect(keys).toEqual([])
  })
})

test('an audit row cannot be changed or removed by any runtime role', async () => {
  for (const role of ['app', 'worker'] as const) {
    await expect(
      sql`update audit_log set event_type = 'GONE'`.execute(database[role]).catch(codeOf),
    ).resolves.toBe('42501')
    await expect(sql`delete from audit_log`.execute(database[role]).catch(codeOf)).resolves.toBe('42501')
  }
})
