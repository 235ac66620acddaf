import { join } from 'node:path'
import { testDatabase } from '@nora/testing/postgres'
import { tempFolder } from '@nora/testing/temp-folder'
import { auditExport } from '@nora/worker/audit/export'
import { chainAll, chainDeps, writeRows } from '@nora/worker/audit/testing/audit-rows'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { publicKey, run } from './testing/exported-chain.ts'

const database = testDatabase()
const tables = ['audit_log', 'audit_chain', 'audit_head', 'audit_checkpoints', 'audit_pending']
let files: string

/** 1500 rows in a chain, signed at 2 and 1002, and written down by a worker. */
beforeAll(async () => {
  const deps = chainDeps(database)
  files = await tempFolder('nora-audit-verify-')
  await writeRows(database, 2)
  await chainAll(deps)
  await writeRows(database, 1_498)
  await chainAll(deps)
  const exporter = auditExport(deps, files)
  while (await exporter.round());
  await database.asSuperuser('create schema saved')
  for (const table of tables) await database.asSuperuser(`create table saved.${table} as table nora.${table}`)
})

beforeEach(async () => {
  for (const table of tables) {
    await database.asSuperuser(`truncate nora.${table}`)
    await database.asSuperuser(`alter table nora.${table} disable trigger user`)
    await database.asSuperuser(`insert into nora.${table} overriding system value table saved.${table}`)
    await database.asSuperuser(`alter table nora.${table} enable trigger user`)
  }
})

const verify = (...more: string[]) =>
  run(['--database', database.superuserUrl, '--files', files, '--public-key', publicKey, '--json', ...more])
const row = (position: number) => `(select seq from nora.audit_chain where position = ${position})`
/** Everything from a place on computed anew, as a superuser can: only what is kept elsewhere tells. */
const rechain = (from: number) => `do $$
  declare r record; tail bytea := (select hash from nora.audit_chain where position = ${from - 1});
  begin
    for r in select c.position, a from nora.audit_chain c join nora.audit_log a on a.seq = c.seq where c.position >= ${from} order by 1 loop
      update nora.audit_chain set previous = tail, hash = sha256('\\x01'::bytea || tail || convert_to(nora.audit_entry(r.a), 'UTF8'))
        where position = r.position returning hash into tail;
    end loop;
    update nora.audit_head set hash = tail;
  end $$`

test('what nobody touched is whole: with a superuser, with nora_migrator, and from the files alone', async () => {
  const whole = { rows: 1_500, first: 1, last: 1_500, found: 0 }
  const seen = await verify()
  expect(seen.kinds).toEqual([])
  expect([seen.code, seen.verdict]).toEqual([0, expect.objectContaining(whole)])
  const migrator = ['--database', database.migratorUrl, '--files', files, '--public-key', publicKey, '--json']
  expect((await run(migrator)).verdict).toMatchObject(whole)
  const alone = await run(['--files', files, '--public-key', join(files, 'public-key.txt'), '--json'])
  expect([alone.code, alone.verdict]).toEqual([0, expect.objectContaining(whole)])
})

test('roles of the processes may not look, and a database that is not there is not a whole one', async () => {
  for (const url of [database.appUrl, database.workerUrl, 'postgres://nobody:secret-word@127.0.0.1:1/nora']) {
    const { code, err } = await run(['--files', files, '--public-key', publicKey, '--database', url])
    expect(code).toBe(3)
    expect(err).not.toContain('secret-word')
  }
})

test.each<[string, string, string[]]>([
  ['a row edited', `update nora.audit_log set details = '{"a": 1}' where seq = ${row(700)}`, ['edit 700']],
  [
    'a row dated back',
    `update nora.audit_log set ts = ts - interval '1 microsecond' where seq = ${row(700)}`,
    ['edit 700'],
  ],
  [
    'a row moved to another workspace',
    `update nora.audit_log set workspace_id = gen_random_uuid() where seq = ${row(1)}`,
    ['edit 1'],
  ],
  [
    'a row edited and its hash',
    `update nora.audit_log set target_id = 'x' where seq = ${row(700)};
    update nora.audit_chain c set hash = sha256('\\x01'::bytea || c.previous || convert_to(nora.audit_entry(a), 'UTF8'))
    from nora.audit_log a where a.seq = c.seq and c.position = 700`,
    ['edit 700'],
  ],
  [
    'a row edited and all after it',
    `update nora.audit_log set target_id = 'x' where seq = ${row(700)}; ${rechain(700)}`,
    ['fork 700', 'fork 1002'],
  ],
  ['a row removed from the log', `delete from nora.audit_log where seq = ${row(700)}`, ['gap 700']],
  [
    'a row removed from log and chain',
    `delete from nora.audit_log where seq = ${row(700)}; delete from nora.audit_chain where position = 700`,
    ['gap 700'],
  ],
  [
    'a row removed, the rest moved up and chained anew',
    `delete from nora.audit_log where seq = ${row(700)}; delete from nora.audit_chain where position = 700;
    alter table nora.audit_chain drop constraint audit_chain_pkey; update nora.audit_chain set position = position - 1 where position > 700;
    alter table nora.audit_chain add primary key (position); update nora.audit_head set position = 1499; ${rechain(700)}`,
    ['fork 700', 'cut-tail 1500'],
  ],
  [
    'two rows exchanged in the chain',
    `alter table nora.audit_chain drop constraint audit_chain_seq_key;
    update nora.audit_chain c set seq = o.seq from nora.audit_chain o where (c.position, o.position) in ((700, 900), (900, 700));
    alter table nora.audit_chain add unique (seq)`,
    ['reorder 700', 'reorder 900'],
  ],
  [
    'a row put into the log',
    `set session_replication_role = replica; insert into nora.audit_log (event_type, actor_kind) values ('FORGED', 'system')`,
    ['unchained null'],
  ],
  [
    'a row put in and taken off what waits',
    `insert into nora.audit_log (event_type, actor_kind) values ('FORGED', 'system'); truncate nora.audit_pending`,
    ['unchained null'],
  ],
  [
    'a row taken out of the chain',
    `delete from nora.audit_chain where position = 1500; update nora.audit_head set position = 1499`,
    ['fork 1499', 'cut-tail 1500', 'unchained null'],
  ],
  [
    'the tail cut off, and its checkpoints',
    `delete from nora.audit_log where seq > ${row(1200)}; delete from nora.audit_chain where position > 1200;
    delete from nora.audit_checkpoints where position > 1200;
    update nora.audit_head set position = 1200, hash = (select hash from nora.audit_chain where position = 1200)`,
    ['cut-tail 1201'],
  ],
  ['everything gone', tables.map((table) => `truncate nora.${table}`).join(';'), ['cut-tail 1']],
  ['the end forgotten', `truncate nora.audit_head`, ['cut-tail 1501']],
  [
    'a checkpoint forged',
    `update nora.audit_checkpoints set hash = sha256('x') where position = 1002`,
    ['forged-checkpoint 1002'],
  ],
  [
    'a checkpoint put in',
    `insert into nora.audit_checkpoints values (1400, sha256('x'), now(), decode(repeat('00', 8), 'hex'), decode(repeat('00', 64), 'hex'))`,
    ['forged-checkpoint 1400'],
  ],
  [
    'a row twice in the chain',
    `alter table nora.audit_chain drop constraint audit_chain_pkey; alter table nora.audit_chain drop constraint audit_chain_seq_key;
    insert into nora.audit_chain select 700, seq, previous, sha256('x') from nora.audit_chain where position = 700`,
    ['fork 700'],
  ],
  [
    'rows that nobody chains',
    `insert into nora.audit_log (event_type, actor_kind) values ('WAITS', 'system'); update nora.audit_pending set since = now() - interval '1 hour'`,
    ['unchained null'],
  ],
])('by hand: %s', async (_, attack, expected) => {
  await database.asSuperuser(attack)
  const { code, kinds } = await verify()
  expect(code).toBe(1)
  for (const one of expected) expect(kinds).toContain(one)
  const places = kinds.map((one) => Number(one.split(' ')[1])).filter(Number.isFinite)
  const first = Number(expected[0]!.split(' ')[1])
  if (Number.isFinite(first)) expect(Math.min(...places)).toBe(first)
  // Constraints that an attack dropped, for the next one.
  await database.asSuperuser(`truncate nora.audit_chain; alter table nora.audit_chain drop constraint if exists audit_chain_pkey,
    drop constraint if exists audit_chain_seq_key; alter table nora.audit_chain add constraint audit_chain_pkey primary key (position),
    add constraint audit_chain_seq_key unique (seq)`)
})

test('a function of the database that lies about rows changes nothing', async () => {
  await database.asSuperuser(`update nora.audit_log set details = '{"a": 1}' where seq = ${row(700)}`)
  await database.asSuperuser(
    `create function public.to_json(text) returns json language sql as 'select null::json'`,
  )
  await database.asSuperuser(
    `create or replace function nora.audit_entry(a nora.audit_log) returns text language sql as $$ select 'all is well' $$`,
  )
  expect((await verify()).kinds).toEqual(['edit 700'])
})
