import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
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
  onError: (error: Error) => void
}

const pools = new WeakMap<Kysely<DB>, pg.Pool>()

/** The pool behind what `connect` gave, for reads that write their own messages (read.ts). */
export function poolOf(db: Kysely<DB>): pg.Pool {
  const pool = pools.get(db)
  if (!pool) throw new Error('not a database that `connect` made')
  return pool
}

/**
 * A pool on schema `nora`. Statements are cut off by the server after 15 s, an idle transaction after 30 s, waiting for
 * a lock after 10 s. `pg_temp` stands last in the search path, so that no temporary table can shadow ours.
 */
export function connect(options: ConnectOptions): Kysely<DB> {
  const pool = new pg.Pool({
    connectionString: options.databaseUrl,
    application_name: options.applicationName,
    max: options.max ?? 10,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 60_000,
    options:
      '-c search_path=pg_catalog,nora,pg_temp -c statement_timeout=15000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=30000',
    types,
  })
  // A client that loses its server must not end the process, neither in the middle of a transaction (where the pool does
  // not listen, and the query rejects besides) nor idle (where the pool repeats what the client has said).
  pool.on('connect', (client) => client.on('error', options.onError))
  pool.on('error', () => undefined)
  const db = new Kysely<DB>({ dialect: new PostgresDialect({ pool }) })
  pools.set(db, pool)
  return db
}
