import { randomBytes, randomUUID } from 'node:crypto'
import type { Table } from '@nora/testing/catalogue'
import { matches, type Row, typeOf, valuesFor } from '@nora/testing/made-rows'
import type { Value } from '@nora/testing/sample-values'
import { grantedTo, type Scene } from './attack-tables.ts'
import { insertText, ownPart, pick } from './attacks.ts'
import type { Outcome } from './attempts.ts'
import { connectAs, type Stance } from './stances.ts'

/** A question about a value of theirs, and the same one about a value that nobody has. */
type Question = { name: string; about: string; theirs: string; absent: string }

export type Told = { asked: number; told: string[] }

/** Asks every table, by its references and its unique indexes, whether a value of theirs exists; gives where the answer tells. */
export async function askOracles(scene: Scene, stances: readonly Stance[]): Promise<Told> {
  const result: Told = { asked: 0, told: [] }
  for (const stance of stances) {
    const session = await connectAs(scene.database, stance.role)
    await session.run(`begin; ${stance.enter ?? ''}; set constraints all immediate`)
    try {
      for (const table of scene.tables) {
        if (table.kind === 'view' || scene.theirs.rows.get(table.name)?.shared) continue
        for (const question of await questions(scene, stance.role, table)) {
          result.asked++
          const answers = [await session.attempt(question.theirs), await session.attempt(question.absent)]
          const [theirs, absent] = answers.map(plain)
          if (theirs !== absent)
            result.told.push(`${question.about} tells by ${question.name}: ${theirs} or ${absent}`)
        }
      }
    } finally {
      await session.end()
    }
  }
  return { ...result, told: [...new Set(result.told)].sort() }
}

/** An outcome without the values that were asked about. */
function plain({ code, message, count }: Outcome): string {
  if (code === undefined) return `${count} rows`
  const words = (message ?? '').replace(/\(([^()]*)\)=\((?:[^()]*)\)/g, '($1)')
  return `${code} ${words}`.trim()
}

async function questions(scene: Scene, role: string, table: Table): Promise<Question[]> {
  const granted = await grantedTo(scene.database, role, table)
  const theirs = scene.theirs.rows.get(table.name)!.row
  const mine = scene.mine.rows.get(table.name)!.row
  const given = granted.insert.filter(
    (name) => !table.columns.find((column) => column.name === name)?.generated,
  )
  const asked: Question[] = []
  const sets = new Map<string, { about: string; columns: string[] }>()
  for (const one of [...table.references, ...table.uniques]) {
    for (const columns of [ownPart(one.columns), one.columns]) {
      const name = columns.join(' ')
      sets.set(name, sets.get(name) ?? { about: one.name, columns: [...columns] })
    }
  }
  for (const { about, columns } of sets.values()) {
    const values = pick(theirs, columns)
    if (columns.length === 0 || columns.every((name) => values[name] === null || values[name] === mine[name]))
      continue
    const nobodys = absentLike(table, values)
    if (given.length > 0 && columns.every((name) => given.includes(name))) {
      const fresh = await valuesFor(scene.database, table, scene.mallory, scene.mine)
      const insert = (row: Row) => insertText(table, given, insertable(table, { ...fresh, ...row }, columns))
      const conflict = (row: Row) => `${insert(row)} on conflict do nothing`
      asked.push({ name: 'insert', about, theirs: insert(values), absent: insert(nobodys) })
      asked.push({
        name: 'insert, or do nothing',
        about,
        theirs: conflict(values),
        absent: conflict(nobodys),
      })
      const unique = table.uniques.find((one) => one.name === about && one.plain)
      const changed = granted.update[0]
      if (unique && changed) {
        const upsert = (row: Row) =>
          `${insert(row)} on conflict (${unique.columns.join(', ')}) do update set ${changed} = excluded.${changed}`
        asked.push({ name: 'upsert', about, theirs: upsert(values), absent: upsert(nobodys) })
      }
    }
    if (table.key.length > 0 && columns.every((name) => granted.update.includes(name))) {
      const update = (row: Row) =>
        `update nora.${table.name} set ${columns.map((name) => `${name} = ${quoted(table, name, row)}`).join(', ')}
         where ${matches(table, mine, table.key)}`
      asked.push({ name: 'update', about, theirs: update(values), absent: update(nobodys) })
    }
  }
  return asked
}

/** What a policy or a rule wants of a new row, where a sample cannot know it. */
function insertable(table: Table, values: Record<string, Value>, asked: string[]): Record<string, Value> {
  const own = { ...values }
  if (table.name === 'credentials') own['base_url'] = null
  // One of two references, as an operation has it.
  if (table.name === 'operations') own[asked.includes('credential_id') ? 'agent_id' : 'credential_id'] = null
  return own
}

const quoted = (table: Table, name: string, row: Row) =>
  row[name] === null || row[name] === undefined
    ? 'null'
    : `'${row[name]?.replaceAll("'", "''")}'::${typeOf(table, name)}`

/** Values of the same kind that no row has. */
function absentLike(table: Table, values: Row): Row {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      value === null ? null : absent(typeOf(table, name), value),
    ]),
  )
}

function absent(type: string, value: string): string {
  if (type === 'uuid') return randomUUID()
  if (type === 'bytea') return `\\x${randomBytes((value.length - 2) / 2).toString('hex')}`
  if (/int|numeric/.test(type)) return String(900_000_000 + Math.floor(Math.random() * 1e6))
  if (type === 'text') return `nobody-${randomBytes(8).toString('hex')}`
  return value
}
