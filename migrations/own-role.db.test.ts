import { testDatabase } from '@nora/testing/postgres'
import pg from 'pg'
import { expect, inject, test } from 'vitest'
import { migrate } from './migrate.ts'

const database = testDatabase()

test('what a role changed of itself is put back by the next run', async () => {
  const { app, worker } = inject('postgres').passwords
  const settings = () =>
    database.asSuperuser(
      `select setconfig from pg_db_role_setting s join pg_roles r on r.oid = s.setrole where rolname = 'nora_app'
         and (setdatabase = 0 or setdatabase = (select oid from pg_database where datname = current_database()))`,
    )
  const client = new pg.Client({ connectionString: database.appUrl })
  await client.connect()
  try {
    // Names that no code reads: the role is that of every database of this server.
    await client.query(`alter role nora_app set application_name = 'left behind'`)
    await client.query(
      `alter role nora_app in database ${database.name} set application_name = 'left behind'`,
    )
  } finally {
    await client.end()
  }
  expect(await settings()).toHaveLength(2)
  await migrate(
    { databaseUrl: database.migratorUrl, passwords: { app, worker } },
    AbortSignal.timeout(30_000),
  )
  expect(await settings()).toEqual([])
})
