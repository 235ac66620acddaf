import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { takeRowsAsBytes } from './byte-rows.ts'
import type { DB } from './schema.ts'

const int8 = 20
const numeric = 1700
const inet = 869

// Our bigints are sequence numbers and sizes, all below 2^53; numeric is only `cpus`; inet loses its /32.
const types = {
  getTypeParser(oid: number, format?: string) {
    if (format !== 'binary' && (oid === int8 || oid === numeric)) return Number
    if (format !== 'binary' && oid === inet) return (value: string) => value.replace(/\/(32|128)$/, '')
    return pg.types.getTypeParser(oid, format as 'text')
  },
} as pg.CustomTypesConfig

export type ConnectOptions = {
  databaseUrl: string
  applicationName: string
  /** Connections at the most; default 10. */
  max?: number
  /** How long an answer may take before the connection is given up; default 20 000 ms. */
  answerMs?: number
  /** How long a connection may take to be had, a free one of the pool or a new one; default 5 000 ms. */
  connectMs?: number
  onError: (error: Error) => void
}

const readPools = new WeakMap<Kysely<DB>, pg.Pool>()
const answerTimes = new WeakMap<pg.Pool, number>()

/**
 * The pool for reads that write their own messages (read.ts). Its connections execute statements of constant text and nothing else,
 * which they prepare once: a statement that somebody smuggled in elsewhere runs on none of them, and so cannot leave one of its own
 * behind under a name that the next person's proof is handed to.
 */
export function readPoolOf(db: Kysely<DB>): pg.Pool {
  const pool = readPools.get(db)
  if (!pool) throw new Error('not a database that `connect` made')
  return pool
}

/**
 * Two pools on schema `nora`, of `max` connections each: one for everything, one for `readPoolOf`. Statements are cut off by the server after 15 s, an idle transaction after 30 s, waiting for
 * a lock after 10 s. A server that says nothing at all for longer loses the connection, so that nobody waits for ever
 * and no half a transaction is handed to the next user. `pg_temp` stands last in the search path, so that no temporary table can shadow ours.
 */
export function connect(options: ConnectOptions): Kysely<DB> {
  const pool = openPool(options)
  const reads = openPool(options)
  reads.on('connect', takeRowsAsBytes)
  const endPool = pool.end.bind(pool) as () => Promise<void>
  Object.assign(pool, { end: () => Promise.all([endPool(), reads.end()]) })
  const db = new Kysely<DB>({ dialect: new PostgresDialect({ pool }) })
  readPools.set(db, reads)
  return db
}

/** Opens no connection until one is asked for. */
function openPool(options: ConnectOptions): pg.Pool {
  const answerMs = options.answerMs ?? 20_000
  const pool = new pg.Pool({
    connectionString: options.databaseUrl,
    application_name: options.applicationName,
    max: options.max ?? 10,
    connectionTimeoutMillis: options.connectMs ?? 5_000,
    idleTimeoutMillis: 60_000,
    options:
      '-c search_path=pg_catalog,nora,pg_temp -c statement_timeout=15000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=30000',
    types,
  })
  // A client that loses its server must not end the process, neither in the middle of a transaction (where the pool does
  // not listen, and the query rejects besides) nor idle (where the pool repeats what the client has said).
  pool.on('connect', (client) => {
    client.on('error', options.onError)
    giveUp(client, answerMs)
  })
  pool.on('error', () => undefined)
  answerTimes.set(pool, answerMs)
  return pool
}

type Wired = { connection: { stream: { destroy(): void } } }

/** Cuts the connection of a query without an answer: everything that waits on it fails, and the pool forgets it. */
function giveUp(client: pg.PoolClient, answerMs: number): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown
  const bounded = (...args: unknown[]) => {
    const result = query(...args)
    // A query object of our own (one-flush.ts) bounds itself.
    if (!(result instanceof Promise)) return result
    const timer = setTimeout(() => cutOff(client), answerMs)
    const clear = () => clearTimeout(timer)
    result.then(clear, clear)
    return result
  }
  Object.assign(client, { query: bounded })
}

/** Runs `cutOff` when a query that bounds itself got no answer in its pool's time; gives what stops that. */
export function cutOffLater(pool: pg.Pool, client: pg.PoolClient): () => void {
  const timer = setTimeout(() => cutOff(client), answerTimes.get(pool) ?? 20_000)
  return () => clearTimeout(timer)
}

/** Breaks a connection whose server does not answer. */
function cutOff(client: pg.PoolClient): void {
  ;(client as unknown as Wired).connection.stream.destroy()
}
