import { testDatabase } from '@nora/testing/postgres'
import { beforeAll, expect, test } from 'vitest'
import { grantedTo, type Scene, setScene } from './testing/attack-tables.ts'
import type { Session } from './testing/attempts.ts'
import { connectAs, roles, type Stance } from './testing/stances.ts'

// A context is good in its transaction, on its connection, as it was made; anything else shows no row of any table.

const database = testDatabase()
let scene: Scene
const looks = new Map<string, string>()

beforeAll(async () => {
  scene = await setScene(database)
  for (const role of ['nora_app', 'nora_worker']) looks.set(role, await lookAtAll(role))
})

/** One query that counts what a role sees of each table that is not open to it by design. */
async function lookAtAll(role: string): Promise<string> {
  const parts: string[] = []
  for (const table of scene.tables) {
    const { select } = await grantedTo(database, role, table)
    if (select.length === 0 || roles[role]?.reads?.[table.name]) continue
    parts.push(`select '${table.name}' as t, count(*)::int as n from nora.${table.name}`)
  }
  expect(parts.length).toBeGreaterThan(7)
  return parts.join(' union all ')
}

async function seen(session: Session, role: string): Promise<string[]> {
  const [result] = await session.run(looks.get(role)!)
  return result!.rows.filter(({ n }) => n > 0).map(({ t }) => t)
}

const proven = () => scene.stances.filter(({ enter }) => enter)
const take = `select current_setting('nora.context', true) as context`
const put = (context: string) => `select set_config('nora.context', '${context.replaceAll("'", "''")}', true)`

async function each(
  use: (session: Session, stance: Stance, context: string) => Promise<void>,
): Promise<void> {
  expect(proven().length).toBeGreaterThan(4)
  for (const stance of proven()) {
    const session = await connectAs(database, stance.role)
    try {
      await session.run(`begin; ${stance.enter}`)
      expect((await seen(session, stance.role)).length, stance.name).toBeGreaterThan(0)
      const [taken] = await session.run(take)
      await use(session, stance, taken!.rows[0].context)
    } finally {
      await session.end()
    }
  }
}

test('nothing is left after commit, rollback, an error, or the end of a savepoint', async () => {
  await each(async (session, { role, enter, name }) => {
    const empty = async (when: string) => expect(await seen(session, role), `${name}, ${when}`).toEqual([])
    await session.run('commit')
    await empty('after commit')
    await session.run(`begin; ${enter}; rollback`)
    await empty('after rollback')
    await expect(session.run(`begin; ${enter}; select 1 / 0`)).rejects.toThrow()
    await session.run('rollback')
    await empty('after an error')
    await session.run(`begin; savepoint s; ${enter}; rollback to s`)
    await empty('after a savepoint')
    await session.run('commit')
    await session.run(`${enter}`)
    await empty('after a statement of its own')
    await session.run(`begin; ${enter}; commit and chain`)
    await empty('in a chained transaction')
    await session.run('rollback')
    await session.run('discard all')
    await empty('after discarding')
  })
})

test('a context that was kept opens nothing in another transaction, in the same message, or on another connection', async () => {
  await each(async (session, { role, enter, name }, context) => {
    const other = await connectAs(database, role)
    try {
      await other.run(`begin; ${put(context)}`)
      expect(await seen(other, role), `${name}, on another connection`).toEqual([])
    } finally {
      await other.end()
    }
    await session.run(`commit; begin; ${put(context)}`)
    expect(await seen(session, role), `${name}, in a later transaction`).toEqual([])
    await session.run('rollback')
    const results =
      await session.run(`begin; ${enter}; select set_config('x.kept', current_setting('nora.context'), false);
      commit; begin; select set_config('nora.context', current_setting('x.kept'), true); ${looks.get(role)}; commit`)
    const counts = results.flatMap(({ rows }) => rows).filter((row) => 't' in row && row.n > 0)
    expect(counts, `${name}, in the same message`).toEqual([])
    await session.run(`select set_config('nora.context', '${context}', false)`)
    expect(await seen(session, role), `${name}, left in the session`).toEqual([])
    await session.run('begin')
    expect(await seen(session, role), `${name}, left in the session, in a transaction`).toEqual([])
  })
})

test('a context that was changed in any part opens nothing', async () => {
  const theirs: Record<number, string> = {
    0: 'user',
    1: scene.alice.userId,
    2: scene.alice.workspaceId,
    3: 'owner',
    4: scene.theirs.rows.get('agents')!.row['id']!,
    5: scene.theirs.rows.get('credentials')!.row['id']!,
  }
  await each(async (session, { role, name }, context) => {
    const parts = context.split('|')
    expect(parts).toHaveLength(9)
    const forged = [
      ...parts.map((part, n) => parts.with(n, theirs[n] ?? `${part}0`).join('|')),
      ...parts.map((_, n) => parts.with(n, '').join('|')),
      parts.slice(0, 8).join('|'),
      `${context}|`,
      `|${context}`,
      parts.with(8, parts[8]!.toUpperCase()).join('|'),
      parts.with(8, '0'.repeat(64)).join('|'),
      // A field that swallows its neighbour keeps the bytes that were signed.
      parts.toSpliced(1, 2, `${parts[1]}|${parts[2]}|`).join('|'),
    ].filter((one) => one !== context)
    expect(forged.length).toBeGreaterThan(18)
    for (const one of forged) {
      await session.run(`savepoint s; ${put(one)}`)
      expect(await seen(session, role), `${name}: ${one}`).toEqual([])
      await session.run('rollback to s')
    }
    expect((await seen(session, role)).length).toBeGreaterThan(0)
  })
})
