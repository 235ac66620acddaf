import { readFile } from 'node:fs/promises'
import { testDatabase } from '@nora/testing/postgres'
import { beforeAll, expect, test } from 'vitest'
import { type Scene, setScene } from './testing/attack-tables.ts'
import { type Callable, callables, callWithTheirs } from './testing/call-functions.ts'
import { decisions } from './testing/functions.ts'

// Definer functions go past the policies: each that can be called is decided about, and called with another tenant's ids.

const database = testDatabase()
let scene: Scene
let found: Callable[]

beforeAll(async () => {
  scene = await setScene(database)
  // Somebody who has shown the password again can do the most.
  await database.asSuperuser(
    `update nora.sessions set stepped_up_until = now() + interval '1 hour' where id = $1`,
    [scene.mallory.sessionId],
  )
  found = await callables(database)
})

test('every function that a role of ours may call is decided about, and nobody else may call it', () => {
  const said = Object.entries(decisions).map(([name, { to }]) => `${name} to ${[...to].sort().join(', ')}`)
  expect(
    found.map(({ name, to }) => `${name} to ${to.join(', ')}`).sort(),
    'decide in shared/db/src/proof/testing/functions.ts who may call it and what it may give',
  ).toEqual(said.sort())
  expect(new Set(found.map(({ schema }) => schema))).toEqual(new Set(['nora']))
})

test('a function owned by the definer takes its names from nowhere else, and none is a superuser’s', async () => {
  const rows = await database.asSuperuser<{ name: string }>(
    `select p.proname as name from pg_proc p join pg_roles r on r.oid = p.proowner
     where p.pronamespace = 'nora'::regnamespace and (r.rolname <> 'nora_definer'
       or p.prosecdef and not coalesce(p.proconfig @> array['search_path=pg_catalog, pg_temp'], false))`,
  )
  expect(rows).toEqual([])
})

test('with the ids of another tenant a function answers as with ids of nobody, and leaves theirs alone', async () => {
  let calls = 0
  const wrong: string[] = []
  for (const stance of scene.stances) {
    const functions = found.filter(({ name, to }) => to.includes(stance.role) && !decisions[name]?.across)
    const called = await callWithTheirs(scene, functions, stance)
    calls += called.calls
    wrong.push(...called.wrong)
  }
  expect(wrong).toEqual([])
  process.stdout.write(`functions: ${found.length} decided, ${calls} calls with another tenant’s ids\n`)
  expect(calls).toBeGreaterThan(150)
})

test('what reaches over tenants by design is so, and is written down', async () => {
  const page = await readFile(new URL('../../../../docs/injected-sql.md', import.meta.url), 'utf8')
  const across = Object.entries(decisions).filter(([, { across }]) => across)
  expect(across.filter(([name]) => !page.includes(`\`${name}\``)).map(([name]) => name)).toEqual([])
  expect(across.filter(([, { across: words }]) => !page.includes(words!)).map(([name]) => name)).toEqual([])
})

test('the look for changes sees one', async () => {
  await database.asSuperuser(`
    create function nora.careless(p_agent uuid) returns void language sql security definer set search_path = pg_catalog, pg_temp as
      $$ update nora.agents set name = 'x' where id = p_agent $$;
    grant execute on function nora.careless(uuid) to nora_app`)
  const careless = (await callables(database)).find(({ name }) => name === 'careless')!
  const stance = scene.stances.find(({ enter, role }) => enter && role === 'nora_app')!
  const { wrong } = await callWithTheirs(scene, [careless], stance)
  expect(wrong).toEqual([expect.stringContaining('changes rows of theirs')])
})
