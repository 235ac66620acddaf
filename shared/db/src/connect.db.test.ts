import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { ownMs, withoutStall } from '@nora/testing/own-time'
import { testDatabase } from '@nora/testing/postgres'
import { type Kysely, sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { textOf } from './byte-rows.ts'
import { connect, readPoolOf } from './connect.ts'
import { runInOneFlush } from './one-flush.ts'
import type { DB } from './schema.ts'

// A server that is frozen, or a network that swallows everything, says nothing at all: no timeout of the server's helps.

const database = testDatabase()
const answerMs = 1_000
let silent = false
let server: Server
let db: Kysely<DB>

beforeEach(async () => {
  silent = false
  const real = new URL(database.appUrl)
  const socketFolder = real.searchParams.get('host')
  const open = (): Socket =>
    socketFolder
      ? createConnection(`${socketFolder}/.s.PGSQL.${real.port || 5432}`)
      : createConnection({ host: real.hostname, port: Number(real.port || 5432) })
  server = createServer((client) => {
    const upstream = open()
    client.on('data', (bytes) => silent || upstream.write(bytes))
    upstream.on('data', (bytes) => silent || client.write(bytes))
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = new URL(database.appUrl)
  url.searchParams.delete('host')
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as { port: number }).port)
  db = connect({ databaseUrl: url.href, applicationName: 'test', max: 1, answerMs, onError: () => undefined })
})
afterEach(async () => {
  silent = false
  await db.destroy()
  server.close()
})

const read = async () => {
  const [rows] = await runInOneFlush(readPoolOf(db), [
    { statement: { name: 'one', text: 'select 1' }, values: [] },
  ])
  return rows!.map(textOf)
}
/** The time for an answer is short here, and so is what a stall of this machine or of Postgres may take of it. */
const quickly = (run: () => Promise<void>) => () =>
  withoutStall(
    answerMs / 3,
    () => {
      silent = false
      return run()
    },
    () => database.asSuperuser('select 1'),
  )
const one = () => sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db)

test(
  'a query without an answer fails in time, and the next one has another connection',
  quickly(async () => {
    const before = (await one()).rows[0]!.pid
    silent = true
    const cut = async () => await expect(one()).rejects.toThrow(/^Connection terminated/)
    expect(await ownMs(cut)).toBeLessThan(answerMs + 2_000)
    silent = false
    expect((await one()).rows[0]!.pid).not.toBe(before)
  }),
)

test(
  'so does a read in one message',
  quickly(async () => {
    expect(await read()).toEqual([['1']])
    silent = true
    await expect(read()).rejects.toThrow(/^Connection terminated/)
    silent = false
    expect(await read()).toEqual([['1']])
  }),
)

test(
  'a transaction that was cut off in its middle is not handed on',
  quickly(async () => {
    const cut = db.transaction().execute(async (tx) => {
      await sql`select set_config('x.left', 'here', true)`.execute(tx)
      silent = true
      await sql`select 1`.execute(tx)
    })
    await expect(cut).rejects.toThrow()
    silent = false
    const { rows } = await sql<{
      left: string | null
    }>`select current_setting('x.left', true) as left`.execute(db)
    expect(rows[0]!.left || null).toBeNull()
  }),
)

test(
  'a slow answer within its time is no failure, and leaves no timer',
  quickly(async () => {
    await sql`select pg_sleep(${answerMs / 2 / 1000})`.execute(db)
    await sql`select pg_sleep(${answerMs / 2 / 1000})`.execute(db)
    expect(await read()).toEqual([['1']])
    expect((await one()).rows).toHaveLength(1)
  }),
)
