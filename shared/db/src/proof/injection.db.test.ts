import { randomBytes } from 'node:crypto'
import { type Person, person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { tenantRows } from '@nora/testing/rows'
import { sql } from 'kysely'
import pg from 'pg'
import { beforeAll, expect, test } from 'vitest'
import { refusalOf, withActor } from '../actor.ts'

// What a statement that somebody smuggled into the api's or the worker's connection could try.

const database = testDatabase()
let alice: Person

beforeAll(async () => {
  alice = await person(database, 'alice')
})

const codeOf = (error: unknown) => (error as { code?: string }).code

test('a context replayed in a later transaction of the same message shows no row', async () => {
  const client = new pg.Client(database.appUrl)
  await client.connect()
  try {
    // One message, so that both transactions begin at the same moment for Postgres.
    const results = (await client.query(`begin;
      select * from nora.enter_session('${alice.sessionId}', '\\x${alice.secret.toString('hex')}', null);
      select set_config('x.kept', current_setting('nora.context'), false);
      select count(*)::int as n from nora.users;
      commit; begin;
      select set_config('nora.context', current_setting('x.kept'), true);
      select count(*)::int as n from nora.users;
      commit`)) as unknown as pg.QueryResult[]
    expect(results.flatMap(({ rows }) => (rows[0] && 'n' in rows[0] ? [rows[0].n] : []))).toEqual([1, 0])
  } finally {
    await client.end()
  }
})

test('nothing but a password opens a session: an injected statement signs in as nobody', async () => {
  const open = (proof: Buffer | null) =>
    sql`select * from nora.open_session(${alice.userId}, ${proof}, 'bearer', ${randomBytes(32)}, ${randomBytes(32)},
      interval '1 day', interval '7 days', null, 'test', 'test')`.execute(database.app)
  const [kept] = await database.asSuperuser<{ password_verifier: Buffer }>(
    'select password_verifier from nora.users where id = $1',
    [alice.userId],
  )
  for (const proof of [randomBytes(32), Buffer.alloc(0), null, kept!.password_verifier]) {
    expect((await open(proof)).rows).toEqual([])
  }
  const { rows } = await sql`select * from nora.login_lookup(${alice.email})`.execute(database.app)
  expect(rows).toEqual([{ user_id: alice.userId, password_salt: '$argon2id$' }])
  const change = withActor(database.app, alice.actor, (tx) =>
    sql`select nora.change_password(${alice.sessionId}, ${kept!.password_verifier}, '$argon2id$', ${randomBytes(32)},
      null, 'test')`.execute(tx),
  )
  await expect(change.catch((error) => refusalOf(error)?.code)).resolves.toBe('invalid-credentials')
})

test('a session that was ended cannot be brought back, not even by its owner', async () => {
  const someone = await person(database, 'someone')
  await withActor(database.app, someone.actor, async (tx) => {
    await sql`update sessions set revoked_at = now()`.execute(tx)
    const again = await sql`update sessions set revoked_at = null`.execute(tx)
    expect(again.numAffectedRows).toBe(0n)
  })
  const other = await person(database, 'other')
  const unset = withActor(database.app, other.actor, (tx) =>
    sql`update sessions set revoked_reason = 'live'`.execute(tx),
  )
  await expect(unset.catch(codeOf)).resolves.toBe('42501')
})

test('nobody dates an audit row, or takes the number of another', async () => {
  for (const column of ['seq', 'ts', 'id']) {
    const value = { seq: sql`1000000`, ts: sql`now() - interval '1 year'`, id: sql`gen_random_uuid()` }[
      column
    ]
    const forged = withActor(database.app, alice.actor, (tx) =>
      sql`insert into audit_log (${sql.ref(column)}, event_type, actor_kind, actor_id, workspace_id)
        overriding system value values (${value}, 'FORGED', 'user', ${alice.userId}, ${alice.workspaceId})`.execute(
        tx,
      ),
    )
    await expect(forged.catch(codeOf), column).resolves.toBe('42501')
  }
})

test('an advisory lock that somebody holds keeps nobody from signing up', async () => {
  await database.app.connection().execute(async (connection) => {
    await sql`select pg_advisory_lock(n) from generate_series(7104000, 7104009) n`.execute(connection)
    await person(database, 'newcomer')
    await sql`select pg_advisory_unlock_all()`.execute(connection)
  })
})

test.each([
  ['https://evil.test/v1'],
  ['https://api.good.test@evil.test/v1'],
  ['https://api.good.test\\\\@evil.test/v1'],
  ['https://api.good.test.evil.test/v1'],
  ['https://api.good.test:444/v1'],
  ['//api.good.test'],
  ['evil'],
])('a stored key’s base URL cannot be turned to a host that was not sealed in: %s', async (baseUrl) => {
  const someone = await person(database, 'someone')
  const { credentialId } = await tenantRows(database, someone)
  await database.asSuperuser('update nora.credentials set destination_hosts = $1 where id = $2', [
    ['api.good.test'],
    credentialId,
  ])
  const turn = (to: string) =>
    withActor(database.app, someone.actor, (tx) =>
      sql`update credentials set base_url = ${to} where id = ${credentialId}`.execute(tx),
    )
  expect((await turn('https://api.good.test/v1?api-version=1')).numAffectedRows).toBe(1n)
  await expect(turn(baseUrl).catch(codeOf)).resolves.toBe('42501')
})

test('the api cannot lease an operation, nor have a key tested that it may not see', async () => {
  const someone = await person(database, 'someone')
  const rows = await tenantRows(database, someone)
  for (const change of [sql`status = 'leased'`, sql`status = 'succeeded'`, sql`worker_id = 'w'`]) {
    const taken = withActor(database.app, someone.actor, (tx) =>
      sql`update operations set ${change} where id = ${rows.operationId}`.execute(tx),
    )
    await expect(taken.catch(codeOf)).resolves.toBe('42501')
  }
  await database.asSuperuser('update nora.credentials set owner_id = $1 where id = $2', [
    alice.userId,
    rows.credentialId,
  ])
  const tested = withActor(database.app, someone.actor, (tx) =>
    sql`insert into operations (workspace_id, credential_id, kind, requested_by)
      values (${someone.workspaceId}, ${rows.credentialId}, 'test-key', ${someone.userId})`.execute(tx),
  )
  await expect(tested.catch(codeOf)).resolves.toBe('42501')
})
