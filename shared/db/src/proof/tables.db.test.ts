import { testDatabase } from '@nora/testing/postgres'
import { expect, test } from 'vitest'
import { attackTables, setScene } from './testing/attack-tables.ts'
import { proofs, roles } from './testing/stances.ts'

// Every table that the catalogue names is attacked, from every context that can be proven and as every role there is.

const database = testDatabase()
const weakened = testDatabase()
const odd = testDatabase()

test('every role and every function that sets a context is one that the proof knows', async () => {
  const found = await database.asSuperuser<{ name: string; login: boolean }>(
    `select rolname as name, rolcanlogin as login from pg_roles where rolname like 'nora%' order by 1`,
  )
  expect(
    found.map(({ name }) => name),
    'a role is not in shared/db/src/proof/testing/stances.ts: say there whether it is attacked and what it may see',
  ).toEqual(Object.keys(roles).sort())
  expect(found.filter(({ name, login }) => login && !roles[name]!.attacked).map(({ name }) => name)).toEqual([
    'nora_migrator',
  ])
  const setters = await database.asSuperuser<{ name: string }>(
    `select proname as name from pg_proc where pronamespace = 'nora'::regnamespace and proname <> 'set_context'
       and prosrc ~* 'set_context|nora\\.context''' and prosrc !~* 'current_setting' order by 1`,
  )
  expect(
    setters.map(({ name }) => name),
    'a function proves a context from which no table is attacked: say in shared/db/src/proof/testing/stances.ts how one enters by it',
  ).toEqual(Object.keys(proofs).sort())
})

test('no table gives or takes a row of another tenant, whoever asks and however', async () => {
  const scene = await setScene(database)
  const { wrong, attacks, tables, stances, unused } = await attackTables(scene)
  expect(wrong).toEqual([])
  expect(unused, 'stances.ts allows what is not possible').toEqual([])
  const unmade = scene.tables.filter(({ name, kind }) => kind === 'table' && !scene.theirs.rows.has(name))
  expect(unmade).toEqual([])
  process.stdout.write(`row-level security: ${attacks} attacks on ${tables} tables from ${stances} stances\n`)
  expect(attacks).toBeGreaterThan(tables * stances * 12)
})

test('a new table is attacked without a line about it, and each way of forgetting is found', async () => {
  const make = (name: string, more: string) =>
    weakened.asSuperuser(`create table nora.${name} (id uuid primary key default gen_random_uuid(),
        workspace_id uuid not null references nora.workspaces (id), note text not null);
      alter table nora.${name} owner to nora_owner; ${more}`)
  const grant = (name: string) => `grant select, insert, update, delete on nora.${name} to nora_app;`
  const secure = (name: string) =>
    `alter table nora.${name} enable row level security; alter table nora.${name} force row level security;`
  const own = 'workspace_id = (select nora.workspace())'
  await make('forgotten', grant('forgotten'))
  await make(
    'open_update',
    `${grant('open_update')} ${secure('open_update')}
     create policy s on nora.open_update for select to nora_app using (${own});
     create policy u on nora.open_update for update to nora_app using (true) with check (true);`,
  )
  await make(
    'movable',
    `${grant('movable')} ${secure('movable')}
     create policy p on nora.movable to nora_app using (${own}) with check (true);`,
  )
  await make(
    'right',
    `${grant('right')} ${secure('right')} create policy p on nora.right to nora_app using (${own}) with check (${own});`,
  )
  await weakened.asSuperuser(
    'create view nora.seen_through as select * from nora.agents; grant select on nora.seen_through to nora_worker',
  )
  const scene = await setScene(weakened)
  const made = ['forgotten', 'open_update', 'movable', 'right', 'seen_through']
  expect(scene.tables.map(({ name }) => name)).toEqual(expect.arrayContaining(made))
  const { wrong } = await attackTables({
    ...scene,
    tables: scene.tables.filter(({ name }) => made.includes(name)),
  })
  const found = (table: string) =>
    wrong
      .filter((line) => line.includes(` on ${table} `))
      .map((line) => line.split(': ')[1]!.split(' on ')[0])
  expect(found('forgotten')).toEqual(
    expect.arrayContaining(['select all', 'copy', 'cast of what is there', 'insert as theirs', 'delete']),
  )
  expect(found('open_update')).toContain('update note of all')
  expect(found('movable')).toEqual(
    expect.arrayContaining(['insert as theirs', 'move unseen by workspace_id']),
  )
  expect(found('right')).toEqual([])
  expect(found('seen_through')).toContain('select all')
})

test('a table for which no row can be made fails, with its name and how to mend it', async () => {
  await odd.asSuperuser('create table nora.strange (id uuid primary key, words tsvector not null)')
  await expect(setScene(odd)).rejects.toThrow(
    /nora\.strange.*strange\.words of type tsvector.*sample-values\.ts/s,
  )
})
