import { randomBytes } from 'node:crypto'
import { connect } from '@nora/db/connect'
import type { DB } from '@nora/db/schema'
import type { Kysely } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, inject } from 'vitest'
import { roleUrl } from './services.setup.ts'

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

/** A database of its own for this test file, cloned from the migrated template before its tests and dropped after them. */
export function testDatabase(): TestDatabase {
  const database = {} as TestDatabase
  let admin: pg.Pool
  beforeAll(async () => {
    Object.assign(database, await cloneDatabase())
    admin = new pg.Pool({ connectionString: database.superuserUrl, max: 2 })
    // A server that goes while the pool is idle is seen by the next query.
    admin.on('error', () => undefined)
    database.asSuperuser = async (text, values) => (await admin.query(text, values)).rows
  })
  afterAll(async () => {
    await database.app?.destroy()
    await database.worker?.destroy()
    await admin?.end()
    if (database.name)
      await onServer((client) => client.query(`drop database if exists ${database.name} with (force)`))
  })
  return database
}

async function cloneDatabase(): Promise<Omit<TestDatabase, 'asSuperuser'>> {
  const { superuserUrl, template, passwords } = inject('postgres')
  const name = `nora_${randomBytes(6).toString('hex')}`
  await onServer(async (client) => {
    // One clone at a time: a template that is being copied refuses a second copier.
    await client.query('select pg_advisory_lock(7104999)')
    await client.query(`create database ${name} template ${template} owner nora_migrator`)
    await client.query(`revoke all on database ${name} from public`)
    await client.query(`grant connect on database ${name} to nora_app, nora_worker`)
  })
  const appUrl = roleUrl(superuserUrl, 'nora_app', passwords.app, name)
  const workerUrl = roleUrl(superuserUrl, 'nora_worker', passwords.worker, name)
  const base = new URL(superuserUrl)
  // A dropped server shows itself in the queries; an idle connection's end is no event of its own here.
  const onError = () => undefined
  return {
    name,
    app: connect({ databaseUrl: appUrl, applicationName: 'test-app', onError }),
    worker: connect({ databaseUrl: workerUrl, applicationName: 'test-worker', onError }),
    appUrl,
    workerUrl,
    migratorUrl: roleUrl(superuserUrl, 'nora_migrator', passwords.migrator, name),
    superuserUrl: roleUrl(superuserUrl, 'postgres', decodeURIComponent(base.password), name),
  }
}

async function onServer(run: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: inject('postgres').superuserUrl })
  await client.connect()
  try {
    await run(client)
  } finally {
    await client.end()
  }
}
