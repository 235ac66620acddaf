import { randomBytes } from 'node:crypto'
import { type Person, person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { type TenantRows, tenantRows } from '@nora/testing/rows'
import type { Kysely } from 'kysely'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { refusalOf, type SessionActor, withActor } from '../actor.ts'
import { agentPage } from '../agent-reads.ts'
import { textOf } from '../byte-rows.ts'
import { connect, readPoolOf } from '../connect.ts'
import { type Part, runInOneFlush } from '../one-flush.ts'
import { type Read, readAs as readBytesAs } from '../read.ts'
import type { DB } from '../schema.ts'

// Reads in one message keep what `withActor` promises.
const database = testDatabase()
let alice: Person
let mallory: Person
let hers: TenantRows
/** One connection of each kind, so that each test meets what the one before left on it. */
let db: Kysely<DB>

beforeAll(async () => {
  alice = await person(database, 'alice')
  mallory = await person(database, 'mallory')
  hers = await tenantRows(database, alice)
  // Many wait for the one connection, however long a machine that stands still takes.
  const patient = { connectMs: 60_000, answerMs: 60_000 }
  db = connect({
    ...{ databaseUrl: database.appUrl, applicationName: 'test', max: 1, onError: () => undefined },
    ...patient,
  })
})
afterAll(() => db.destroy())

const readAs = async (on: Kysely<DB>, actor: SessionActor, what: Read) => {
  const { entered, rows } = await readBytesAs(on, actor, what)
  return { entered, rows: rows.map(textOf) }
}
const inOneFlush = async (part: Part) => (await runInOneFlush(readPoolOf(db), [part]))[0]!.map(textOf)
const read = (name: string, text: string, values: Read['values'] = []): Read => ({
  statement: { name, text },
  values,
})
const agents = read('agents', 'select id from agents')
const dividing = read('dividing', 'select 1 / (random() * 0)::int')
const codeOf = (error: unknown) => (error as { code?: string }).code

test('the owner sees her rows and a stranger none', async () => {
  const found = await readAs(db, alice.actor, agents)
  expect(found.rows).toEqual([[hers.agentId]])
  expect(found.entered).toEqual({
    userId: alice.userId,
    workspaceId: alice.workspaceId,
    role: 'owner',
    platformRole: 'admin',
  })
  expect((await readAs(db, mallory.actor, agents)).rows).toEqual([])
  expect((await readAs(db, mallory.actor, agentPage({ limit: 50 }))).rows).toEqual([
    ['{"items":[],"nextCursor":null}'],
  ])
})

test('behind a proof that fails nothing is executed', async () => {
  await expect(readAs(db, alice.actor, dividing).catch(codeOf)).resolves.toBe('22012')
  for (const actor of [
    { ...alice.actor, secret: randomBytes(32) },
    { ...alice.actor, workspaceId: mallory.workspaceId },
  ]) {
    const refused = await readAs(db, actor, dividing).catch((error) => refusalOf(error))
    expect(refused).toEqual(
      actor.workspaceId ? { status: 404, code: 'not-found' } : { status: 401, code: 'session-invalid' },
    )
    expect((await readAs(db, alice.actor, agents)).rows).toHaveLength(1)
  }
})

test('the context ends with the message', async () => {
  await readAs(db, alice.actor, agents)
  const text = `select (select count(*) from agents), nora.workspace(), current_setting('transaction_read_only')`
  expect(await inOneFlush(read('left', text))).toEqual([['0', null, 'off']])
})

test('a read changes nothing', async () => {
  const writes = [
    read('renaming', `update agents set name = 'x' where id = $1`, [hers.agentId]),
    read('function', `select nora.write_audit('X_X', 'user', $1, null, null, null, null, null, '{}')`, [
      alice.userId,
    ]),
    read('loosening', `select set_config('transaction_read_only', 'off', true)`),
  ]
  const codes = []
  for (const write of writes) codes.push(await readAs(db, alice.actor, write).catch(codeOf))
  expect(codes).toEqual(['25006', '42501', '25001'])
  // What `withActor` may do, it may still do.
  await withActor(db, alice.actor, (tx) =>
    tx.updateTable('agents').set({ name: 'y' }).where('id', '=', hers.agentId).execute(),
  )
  expect(await database.asSuperuser('select name from nora.agents')).toEqual([{ name: 'y' }])
})

test('a context kept from one message opens nothing in the next', async () => {
  const stolen = (await readAs(db, alice.actor, read('stealing', `select current_setting('nora.context')`)))
    .rows[0]![0]!
  const replay = read(
    'replaying',
    `select (select set_config('nora.context', $1, true) is null)::text, nora.workspace()::text`,
    [stolen],
  )
  expect((await readAs(db, mallory.actor, replay)).rows).toEqual([['false', null]])
})

test('a statement that was left behind under one of our names is handed nobody’s proof', async () => {
  await readAs(db, alice.actor, agents)
  const evil = (name: string, types: string) =>
    `prepare ${name} (${types}) as select set_config('x.stolen', encode($2, 'hex'), false), 'x', 'owner', 'user';`
  await withActor(db, mallory.actor, (tx) =>
    sql
      .raw(
        `deallocate all; ${evil('nora_enter_to_read', 'uuid, bytea, uuid')} prepare agents as select 'forged'`,
      )
      .execute(tx),
  )
  const found = await readAs(db, alice.actor, agents)
  expect(found.rows).toEqual([[hers.agentId]])
  expect(found.entered.userId).toBe(alice.userId)
  const stolen = await sql<{
    value: string | null
  }>`select current_setting('x.stolen', true) as value`.execute(db)
  expect(stolen.rows[0]!.value).toBeNull()
  const names = `select string_agg(name, ' ') from pg_prepared_statements where from_sql`
  expect(await inOneFlush(read('names', names))).toEqual([[null]])
})

test('many at once on one connection get each their own', async () => {
  const both = await Promise.all(
    Array.from({ length: 40 }, (_, n) => readAs(db, n % 2 ? alice.actor : mallory.actor, agents)),
  )
  expect(both.map(({ rows }) => rows.length)).toEqual(both.map((_, n) => n % 2))
})

test('a connection that is lost fails the read and not the next', async () => {
  const ended = readAs(db, alice.actor, read('ending', 'select pg_terminate_backend(pg_backend_pid())'))
  await expect(ended).rejects.toThrow()
  expect((await readAs(db, alice.actor, agents)).rows).toHaveLength(1)
})
