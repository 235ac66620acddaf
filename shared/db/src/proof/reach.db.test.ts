import { testDatabase } from '@nora/testing/postgres'
import { sql } from 'kysely'
import pg from 'pg'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Scene, setScene } from './testing/attack-tables.ts'
import { connectAs } from './testing/stances.ts'
import { allowed, within } from './testing/within.ts'

// What a role could reach beside the tables: by the real passwords, with a live proof.

const database = testDatabase()
let scene: Scene
beforeAll(async () => {
  scene = await setScene(database)
})

describe.each(['nora_app', 'nora_worker'])('%s', (role) => {
  test('reaches no file, program, server, setting or statement of others', async () => {
    expect(
      await allowed(scene, role, [
        "copy (select 1) to program 'true'",
        "copy (select 1) to '/tmp/out'",
        "create table x as select pg_read_file('/etc/passwd')",
        "select pg_read_file('/etc/passwd')",
        "select pg_read_binary_file('/etc/passwd')",
        "select pg_ls_dir('/')",
        "select pg_stat_file('/etc/passwd')",
        "select lo_import('/etc/passwd')",
        "select lo_export(1, '/tmp/out')",
        'select * from pg_authid',
        'select * from pg_statistic',
        'select * from pg_user_mapping',
        'select * from pg_hba_file_rules',
        'select pg_reload_conf()',
        'select pg_rotate_logfile()',
        "select pg_create_logical_replication_slot('mine', 'pgoutput')",
        "load 'plpgsql'",
        'set session_replication_role = replica',
        `set log_statement = 'all'`,
        'set local session_preload_libraries = mine',
        "select set_config('session_replication_role', 'replica', true)",
        'checkpoint',
        "do language plpgsql $$ begin perform pg_read_file('/etc/passwd'); end $$",
        'do language plpgsql $$ begin update nora.context_key set singleton = true; end $$',
        ...scene.tables.map(
          ({ name }) => `do $$ begin alter table nora.${name} disable row level security; end $$`,
        ),
      ]),
    ).toEqual([])
    const extensions = await database.asSuperuser<{ name: string }>(
      'select extname as name from pg_extension',
    )
    expect(extensions).toEqual([{ name: 'plpgsql' }])
  })

  test('sees none of the other’s statements, and no sequence', async () => {
    const other = role === 'nora_app' ? database.workerUrl : database.appUrl
    const client = new pg.Client({ connectionString: other })
    await client.connect()
    try {
      await client.query("select 'a word in a statement of another role'")
      const sequences = await database.asSuperuser<{ name: string }>(
        `select relname as name from pg_class where relkind = 'S' and relnamespace = 'nora'::regnamespace`,
      )
      expect(sequences.length).toBeGreaterThan(1)
      await within(scene, role, async (session) => {
        const seen = await session.attempt('select query from pg_stat_activity')
        expect(seen.code).toBeUndefined()
        expect(seen.text).not.toContain('a word in a statement')
        for (const { name } of sequences) {
          for (const text of [`select last_value from nora.${name}`, `select nextval('nora.${name}')`]) {
            expect([text, (await session.attempt(text)).code]).toEqual([text, '42501'])
          }
        }
        const known = await session.attempt(
          `select last_value from pg_sequences where last_value is not null`,
        )
        expect(known.count).toBe(0)
      })
    } finally {
      await client.end()
    }
  })

  test('sees no value in a statement of its own role on another connection', async () => {
    const { app, worker } = database
    const db = role === 'nora_app' ? app : worker
    await db.connection().execute(async (other) => {
      await sql`select ${'a value that was a parameter'}::text as kept`.execute(other)
      await within(scene, role, async (session) => {
        const seen = await session.attempt('select query from pg_stat_activity')
        expect(seen.text).toContain('as kept')
        expect(seen.text).not.toContain('a value that was a parameter')
      })
    })
  })

  test('a large object is its maker’s, and no notice carries what others do', async () => {
    const other = role === 'nora_app' ? 'nora_worker' : 'nora_app'
    const mine = await connectAs(database, role)
    const theirs = await connectAs(database, other)
    try {
      const [made] = await theirs.run(`select lo_from_bytea(0, 'of the other') as id`)
      const id = made!.rows[0].id
      await mine.run('begin')
      for (const text of [
        `select lo_get(${id})`,
        `select lo_put(${id}, 0, 'x')`,
        `select lo_unlink(${id})`,
        'select * from pg_largeobject',
      ]) {
        expect([text, (await mine.attempt(text)).code]).toEqual([text, '42501'])
      }
      await theirs.run(`select lo_unlink(${id})`)
    } finally {
      await mine.end()
      await theirs.end()
    }
    const notices = await database.asSuperuser(
      `select proname from pg_proc where pronamespace = 'nora'::regnamespace and prosrc ~* '\\m(pg_notify|notify)\\M'`,
    )
    expect(notices).toEqual([])
  })
})
