import { randomBytes } from 'node:crypto'
import { connect } from '@nora/db/connect'
import type { DB } from '@nora/db/schema'
import type { Kysely } from 'kysely'
import pg from 'pg'
import { type PostgresServer, roleUrl } from './postgres-server.ts'

export type TestDatabase = {
  name: string
  /** Kysely as role nora_app and as role nora_worker. */
  app: Kysely<DB>
  worker: Kysely<DB>
  appUrl: string
  workerUrl: string
  migratorUrl: string
  /** This database as the superuser, past every policy: for arranging and for looking, never for the thing under test. */
  superuserUrl: string
  asSuperuser: <T extends pg.QueryResultRow>(text: string, values?: unknown[]) => Promise<T[]>
}

/** Clones the migrated template; `drop` ends its connections and removes it. */
export async function cloneDatabase(
  server: PostgresServer,
): Promise<{ database: TestDatabase; drop: () => Promise<void> }> {
  const { superuserUrl, template, passwords } = server
  const name = `nora_${randomBytes(6).toString('hex')}`
  await onServer(server, async (client) => {
    // One clone at a time: a template that is being copied refuses a second copier.
    await client.query('select pg_advisory_lock(7104999)')
    await client.query(`create database ${name} template ${template} owner nora_migrator`)
    await client.query(`revoke all on database ${name} from public`)
    await client.query(`grant connect on database ${name} to nora_app, nora_worker`)
  })
  const appUrl = roleUrl(superuserUrl, 'nora_app', passwords.app, name)
  const workerUrl = roleUrl(superuserUrl, 'nora_worker', passwords.worker, name)
  const own = roleUrl(superuserUrl, 'postgres', decodeURIComponent(new URL(superuserUrl).password), name)
  // A dropped server shows itself in the queries; an idle connection's end is no event of its own here.
  const onError = () => undefined
  // A machine that stands still for some seconds costs no test its connection.
  const patient = { onError, connectMs: 60_000, answerMs: 60_000 }
  const admin = new pg.Pool({ connectionString: own, max: 2 })
  admin.on('error', onError)
  const database: TestDatabase = {
    name,
    app: connect({ databaseUrl: appUrl, applicationName: 'test-app', ...patient }),
    worker: connect({ databaseUrl: workerUrl, applicationName: 'test-worker', ...patient }),
    appUrl,
    workerUrl,
    migratorUrl: roleUrl(superuserUrl, 'nora_migrator', passwords.migrator, name),
    superuserUrl: own,
    asSuperuser: async (text, values) => (await admin.query(text, values)).rows,
  }
  const drop = async () => {
    await database.app.destroy()
    await database.worker.destroy()
    await admin.end()
    await onServer(server, (client) => client.query(`drop database if exists ${name} with (force)`))
  }
  return { database, drop }
}

async function onServer(server: PostgresServer, run: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: server.superuserUrl })
  await client.connect()
  try {
    await run(client)
  } finally {
    await client.end()
  }
}
