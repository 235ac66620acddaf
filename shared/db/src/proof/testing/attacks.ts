import type { Table } from '@nora/testing/catalogue'
import { literal, matches, type Row, typeOf } from '@nora/testing/made-rows'
import type { Value } from '@nora/testing/sample-values'
import type { Outcome } from './attempts.ts'
import { looks, questions } from './read-attacks.ts'
import { type Attack, refused, type Target } from './target.ts'

export function attacksOn(target: Target): Attack[] {
  if (target.table.kind === 'view') return looks(target)
  return [...looks(target), ...questions(target), ...inserts(target), ...changes(target), ...moves(target)]
}

const write = (name: string, text: string, wrong: Attack['wrong']): Attack => ({
  name,
  kind: 'write',
  text,
  wrong,
})

/** Refused, by a policy or by a constraint, or touching nothing: whichever way, no row was written. */
const untouched = (outcome: Outcome) => (outcome.code?.startsWith('23') ? undefined : unreached(outcome))
/** The same for a row of theirs that is to be changed: a constraint would have to see it first. */
const unreached = ({ count, code, message }: Outcome) => {
  if (code !== undefined) return refused.has(code) ? undefined : `failed with ${code}: ${message}`
  return count > 0 ? `wrote ${count} rows` : undefined
}

export const insertText = (table: Table, columns: readonly string[], values: Record<string, Value>) =>
  `insert into nora.${table.name} (${columns.join(', ')}) values (${columns
    .map((name) => literal(values[name], typeOf(table, name)))
    .join(', ')})`

function inserts({ table, granted, theirs, mine, fresh }: Target): Attack[] {
  const given = table.columns.filter((column) => !column.generated).map((column) => column.name)
  const columns = granted.insert.length > 0 ? granted.insert.filter((name) => given.includes(name)) : given
  // Theirs in all that says whose it is, and new in what must be new.
  const asTheirs = { ...fresh }
  for (const name of columns) if (isReference(table, name)) asTheirs[name] = theirs[name] ?? null
  const as = insertText(table, columns, asTheirs)
  const updated = granted.update[0] ?? table.columns[0]!.name
  const key = table.key.join(', ')
  return [
    write('insert as theirs', as, untouched),
    write('insert their row again', insertText(table, columns, theirs), untouched),
    write('insert, or do nothing', `${insertText(table, columns, theirs)} on conflict do nothing`, untouched),
    ...(key
      ? [
          write(
            'upsert',
            `${insertText(table, columns, theirs)} on conflict (${key}) do update set ${updated} = excluded.${updated}`,
            untouched,
          ),
        ]
      : []),
    write(
      'insert what is selected',
      `insert into nora.${table.name} (${columns.join(', ')}) select ${columns.join(', ')} from nora.${table.name} where ${matches(table, theirs, table.key)}`,
      untouched,
    ),
    ...table.references
      .filter(({ columns: names }) => names.every((name) => columns.includes(name)))
      // Where their row names nothing, or what mine names, there is nothing to point at.
      .filter((one) =>
        ownPart(one.columns).some((name) => theirs[name] !== null && theirs[name] !== mine[name]),
      )
      .map((one) =>
        write(
          `insert mine that names theirs by ${one.name}`,
          insertText(table, columns, { ...fresh, ...pick(theirs, ownPart(one.columns)) }),
          untouched,
        ),
      ),
  ]
}

/** A reference without the workspace: a row of mine in my workspace that points at theirs. */
export const ownPart = (columns: readonly string[]) =>
  columns.length > 1 ? columns.filter((name) => name !== 'workspace_id') : [...columns]
export const pick = (row: Row, names: readonly string[]): Row =>
  Object.fromEntries(names.map((name) => [name, row[name] ?? null]))
const isReference = (table: Table, name: string) =>
  ['workspace_id', 'owner_id', 'user_id', 'agent_id', 'credential_id'].includes(name) ||
  table.references.some(({ columns }) => columns.includes(name))

function changes({ table, granted, theirs, mine, mineCount }: Target): Attack[] {
  const name = `nora.${table.name}`
  const at = matches(table, theirs, table.key.length > 0 ? table.key : granted.select)
  const columns = granted.update.length > 0 ? granted.update : [table.columns[0]!.name]
  const few = ({ count, code, message }: Outcome) => {
    if (code !== undefined) return refused.has(code) ? undefined : `failed with ${code}: ${message}`
    return count > mineCount ? `touched ${count} rows, of which ${mineCount} are mine` : undefined
  }
  const perColumn = columns.flatMap((column) => {
    const set = `${column} = ${literal(mine[column] ?? null, typeOf(table, column))}`
    return [
      write(`update ${column}`, `update ${name} set ${set} where ${at}`, unreached),
      // Without a condition the policies that let rows be read are not asked.
      write(`update ${column} of all`, `update ${name} set ${set}`, few),
    ]
  })
  const first = `${columns[0]} = ${literal(mine[columns[0]!] ?? null, typeOf(table, columns[0]!))}`
  return [
    ...perColumn,
    write('update returning', `update ${name} set ${first} where ${at} returning 1`, unreached),
    write(
      'merge',
      `merge into ${name} t using (values (1)) v (n) on ${at} when matched then update set ${first}`,
      unreached,
    ),
    write(
      'merge to delete',
      `merge into ${name} t using (values (1)) v (n) on ${at} when matched then delete`,
      unreached,
    ),
    write('delete', `delete from ${name} where ${at}`, unreached),
    write('delete all', `delete from ${name}`, few),
    write('truncate', `truncate ${name} cascade`, (outcome) => (outcome.code ? few(outcome) : 'was emptied')),
  ]
}

/** My own row, turned into one of theirs: by its key, and without a condition, where what one may read is not asked. */
function moves({ table, mine, theirs, granted }: Target): Attack[] {
  if (table.key.length === 0) return []
  const columns = table.columns
    .map((column) => column.name)
    .filter((name) => isReference(table, name) && theirs[name] !== mine[name])
  const set = (name: string) => `${name} = ${literal(theirs[name] ?? null, typeOf(table, name))}`
  const updatable = columns.filter((name) => granted.update.includes(name))
  const together = updatable.length > 1 ? updatable : columns
  const sets = [...columns.map((name) => ({ name, text: set(name) }))]
  if (together.length > 1) sets.push({ name: 'all of them', text: together.map(set).join(', ') })
  return sets.flatMap(({ name, text }) => [
    write(
      `move by ${name}`,
      `update nora.${table.name} set ${text} where ${matches(table, mine, table.key)}`,
      untouched,
    ),
    write(`move unseen by ${name}`, `update nora.${table.name} set ${text}`, untouched),
  ])
}
