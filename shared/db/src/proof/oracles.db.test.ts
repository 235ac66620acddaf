import { testDatabase } from '@nora/testing/postgres'
import { expect, test } from 'vitest'
import { attackTables, setScene } from './testing/attack-tables.ts'
import { askOracles } from './testing/oracles.ts'

// Constraints are checked past the policies: what they say must not tell whether another tenant's row exists.

const random = 'an id of 122 random bits, made here: whoever can ask for it has been told it'
/** Where a value is unique over all tenants by design, the answer tells whether it is taken. Each with its reason. */
const global: Record<string, string> = {
  agents_pkey: random,
  credentials_pkey: random,
  operations_pkey: random,
  streams_pkey: random,
  streams_ticket_hash_key: 'the hash of 256 random bits: whoever has the ticket can do more with it than ask',
  gateways_index_key: 'a registry of the machinery, which the worker reads as a whole',
  gateways_pkey: 'a registry of the machinery, which the worker reads as a whole',
  workers_pkey: 'a registry of the machinery, which the worker reads as a whole',
}

const database = testDatabase()
const weakened = testDatabase()

test('no reference and no unique value tells whether a row of another tenant exists, but where we say why', async () => {
  const scene = await setScene(database)
  const { asked, told } = await askOracles(scene, scene.stances)
  const unexplained = told.filter((line) => !(line.split(' ')[0]! in global))
  expect(unexplained, 'mend the policy, or say in `global` why the value is unique over all tenants').toEqual(
    [],
  )
  const explained = new Set(told.map((line) => line.split(' ')[0]!))
  expect(
    Object.keys(global).filter((name) => !explained.has(name)),
    'these tell nothing any more',
  ).toEqual([])
  process.stdout.write(`oracles: ${asked} questions by reference and unique value\n`)
  expect(asked).toBeGreaterThan(60)
})

test('a table whose references or unique values tell is found', async () => {
  await weakened.asSuperuser(`
    create table nora.telling (id uuid primary key default gen_random_uuid(), workspace_id uuid not null,
      session_id uuid not null references nora.sessions (id), slug text not null unique);
    alter table nora.telling enable row level security; alter table nora.telling force row level security;
    grant select, insert (workspace_id, session_id, slug) on nora.telling to nora_app;
    create policy p on nora.telling to nora_app using (workspace_id = (select nora.workspace()))
      with check (workspace_id = (select nora.workspace()))`)
  const scene = await setScene(weakened)
  const { told } = await askOracles(scene, scene.stances)
  const about = new Set(told.map((line) => line.split(' ')[0]))
  expect(about).toContain('telling_session_id_fkey')
  expect(about).toContain('telling_slug_key')
  // Its rows are shut off all the same: only a constraint tells.
  const { wrong } = await attackTables({
    ...scene,
    tables: scene.tables.filter(({ name }) => name === 'telling'),
  })
  expect(wrong.filter((line) => !line.includes('names theirs'))).toEqual([])
})
