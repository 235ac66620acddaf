import { testDatabase } from '@nora/testing/postgres'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Scene, setScene } from './testing/attack-tables.ts'
import { connectAs, roles } from './testing/stances.ts'
import { allowed } from './testing/within.ts'

// What a role could make for itself: by the real passwords, with a live proof.

const database = testDatabase()
let scene: Scene
beforeAll(async () => {
  scene = await setScene(database)
})

describe.each(['nora_app', 'nora_worker'])('%s', (role) => {
  test('becomes no other role but one that is attacked as well', async () => {
    const rows = await database.asSuperuser<{ name: string }>(
      `select rolname as name from pg_roles where rolname <> $1`,
      [role],
    )
    expect(rows.length).toBeGreaterThan(15)
    const turns = rows.flatMap(({ name }) => [
      `set role "${name}"`,
      `set local role "${name}"`,
      `set session authorization "${name}"`,
      `select set_config('role', '${name}', true)`,
      `select set_config('session_authorization', '${name}', true)`,
      `grant "${name}" to ${role}`,
      `alter role "${name}" nologin`,
    ])
    const declared = [...(roles[role]!.becomes ?? [])].sort()
    expect(declared.filter((name) => !roles[name]!.attacked)).toEqual([])
    const becomes = declared.flatMap((name) => [
      `set role "${name}": done`,
      `set local role "${name}": done`,
      `select set_config('role', '${name}', true): done`,
    ])
    expect((await allowed(scene, role, turns)).sort()).toEqual(becomes.sort())
  })

  test('makes nothing, in no schema, and nothing that shadows what is ours', async () => {
    const schemas = (
      await database.asSuperuser<{ name: string }>(
        `select nspname as name from pg_namespace where nspname !~ '^pg_(toast|temp)'`,
      )
    ).map(({ name }) => name)
    const body = `returns uuid language sql as 'select null::uuid'`
    expect(
      await allowed(scene, role, [
        ...[...schemas, 'pg_temp'].flatMap((schema) => [
          `create table ${schema}.agents (id int)`,
          `create view ${schema}.agents as select 1 as id`,
          `create function ${schema}.workspace() ${body}`,
          `create function ${schema}.definer() ${body} security definer`,
          `create type ${schema}.uuid as (a int)`,
          `create domain ${schema}.mine as text`,
          `create sequence ${schema}.mine`,
          `create operator ${schema}.= (leftarg = uuid, rightarg = uuid, function = uuid_ne)`,
        ]),
        'create temp table agents (id int)',
        'create temp view agents as select 1 as id',
        'select 1 as id into temp agents',
        'create schema mine',
        'create extension dblink',
        'create extension postgres_fdw',
        'create extension adminpack',
        'create language plpython3u',
        'create foreign data wrapper mine',
        'create publication mine for all tables',
        "create subscription mine connection 'host=127.0.0.1' publication mine with (connect = false)",
        'create event trigger mine on ddl_command_start execute function nora.audit_waits()',
        'create cast (uuid as int) without function',
        'create role mine',
      ]),
    ).toEqual([])
    // Such as no transaction may hold.
    const session = await connectAs(database, role)
    try {
      for (const text of [
        'create database mine',
        `create tablespace mine location '/tmp'`,
        `drop database ${database.name}`,
        `alter system set log_statement = 'all'`,
        `alter database ${database.name} owner to ${role}`,
        'grant select on all tables in schema nora to public',
      ]) {
        const done = await session.run(text).then(
          () => 'done',
          (error: { code: string }) => error.code,
        )
        expect([text, done]).toEqual([text, '42501'])
      }
    } finally {
      await session.end()
    }
  })

  test('changes no table, policy, function or grant of ours', async () => {
    const tables = scene.tables.filter(({ kind }) => kind === 'table').map(({ name }) => name)
    const functions = await database.asSuperuser<{ name: string }>(
      `select oid::regprocedure::text as name from pg_proc where pronamespace = 'nora'::regnamespace`,
    )
    const policies = await database.asSuperuser<{ name: string; table: string }>(
      `select policyname as name, tablename as table from pg_policies where schemaname = 'nora'`,
    )
    expect(policies.length).toBeGreaterThan(60)
    expect(
      await allowed(scene, role, [
        ...tables.flatMap((name) => [
          `alter table nora.${name} disable row level security`,
          `alter table nora.${name} no force row level security`,
          `alter table nora.${name} owner to ${role}`,
          `alter table nora.${name} add column mine text`,
          `create policy mine on nora.${name} using (true)`,
          `create trigger mine before insert on nora.${name} for each row execute function nora.audit_waits()`,
          `create rule mine as on select to nora.${name} do instead select 1`,
          `create index mine on nora.${name} ((1 / 0))`,
          `comment on table nora.${name} is 'mine'`,
          `drop table nora.${name} cascade`,
          `truncate nora.${name} cascade`,
        ]),
        ...policies.flatMap(({ name, table }) => [
          `alter policy ${name} on nora.${table} to public`,
          `drop policy ${name} on nora.${table}`,
        ]),
        ...functions.flatMap(({ name }) => [
          `alter function ${name} owner to ${role}`,
          `alter function ${name} set search_path = pg_temp`,
          `drop function ${name} cascade`,
        ]),
        'alter schema nora rename to other',
        'drop schema nora cascade',
        `reassign owned by nora_owner to ${role}`,
        'drop owned by nora_owner',
        `alter database ${database.name} set row_security = off`,
        `alter role ${role} createrole`,
        `alter role ${role} bypassrls`,
        `alter role ${role} superuser`,
      ]),
    ).toEqual([])
  })

  test('with row security off is refused rather than shown more', async () => {
    const tables = scene.tables.filter(({ kind }) => kind === 'table').map(({ name }) => name)
    const open = tables.filter((name) => !['workers', 'gateways'].includes(name))
    expect(
      await allowed(
        scene,
        role,
        open.map((name) => `set local row_security = off; select 1 from nora.${name}`),
      ),
    ).toEqual([])
  })
})
