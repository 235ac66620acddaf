import type { Column, Table } from './catalogue.ts'
import type { TestDatabase } from './clone-database.ts'
import type { Person } from './people.ts'
import { sampleValues, type Value } from './sample-values.ts'

/** A row as text, by column. */
export type Row = Record<string, string | null>
export type Made = {
  /** Stands in every text of the person's made rows. */
  mark: string
  /** One row of theirs by table; `shared` where there is one row for all, which is nobody's. */
  rows: Map<string, { row: Row; shared: boolean }>
}

export const literal = (value: Value, type: string): string => {
  if (value === undefined) return 'default'
  return value === null ? `null::${type}` : `'${value.replaceAll("'", "''")}'::${type}`
}

export const typeOf = (table: Table, name: string): string =>
  table.columns.find((column) => column.name === name)!.type

/** `a = 'x'::uuid and b is null`, for these columns of a row. */
export const matches = (table: Table, row: Row, columns: readonly string[]): string =>
  columns
    .map((name) =>
      row[name] === null ? `${name} is null` : `${name} = ${literal(row[name], typeOf(table, name))}`,
    )
    .join(' and ')

/** One row of this person's in every table, found by what the tables themselves say of their columns. */
export async function makeRows(
  database: TestDatabase,
  tables: readonly Table[],
  person: Person,
  mark: string,
): Promise<Made> {
  const made: Made = { mark, rows: new Map() }
  const existing: Record<string, Row> = {
    users: { id: person.userId },
    workspaces: { id: person.workspaceId },
    sessions: { id: person.sessionId },
    memberships: { workspace_id: person.workspaceId, user_id: person.userId },
  }
  for (const table of inOrder(tables)) {
    const known = existing[table.name]
    const found = known && (await readRow(database, table, matches(table, known, Object.keys(known))))
    const entry = found ? { row: found, shared: false } : await makeRow(database, table, person, made)
    made.rows.set(table.name, entry)
  }
  return made
}

/** What a tables' references name stands before it. */
function inOrder(tables: readonly Table[]): Table[] {
  const waiting = tables.filter((table) => table.kind === 'table')
  const ordered: Table[] = []
  while (waiting.length > 0) {
    const open = new Set(waiting.map((table) => table.name))
    const next = waiting.findIndex((table) =>
      table.references.every((one) => one.table === table.name || !open.has(one.table)),
    )
    ordered.push(...waiting.splice(Math.max(next, 0), 1))
  }
  return ordered
}

async function makeRow(database: TestDatabase, table: Table, person: Person, made: Made) {
  try {
    for (let tries = 0; tries < 3; tries++) {
      const values = await valuesFor(database, table, person, made)
      const row = await insert(database, table, values)
      if (row) return { row, shared: false }
    }
    const row = await readRow(database, table, 'true')
    if (row) return { row, shared: true }
    throw new Error('it takes no row of the sample')
  } catch (error) {
    throw new Error(
      `no row can be made for nora.${table.name}: ${(error as Error).message}. Teach shared/testing/src/sample-values.ts (a type, a ` +
        'pattern) or shared/testing/src/made-rows.ts (who a column belongs to) what this table wants: a table without a row is not attacked.',
      { cause: error },
    )
  }
}

/** Values with which a row of this person's can be inserted, in the sense of every check; fresh ones at each call. */
export async function valuesFor(
  database: TestDatabase,
  table: Table,
  person: Person,
  made: Made,
): Promise<Record<string, Value>> {
  const given = ownership(table, person, made)
  const columns = table.columns.filter((column) => !column.generated)
  const candidates = new Map(
    columns.map((column): [Column, Value[]] => {
      const own = given[column.name]
      if (own === undefined) return [column, sampleValues(table, column, made.mark)]
      return [column, column.nullable && own !== null ? [own, null] : [own]]
    }),
  )
  const chosen: Record<string, Value> = Object.fromEntries(
    [...candidates].map(([column, values]) => [column.name, values[0]]),
  )
  const checked = columns.filter((column) =>
    table.checks.some((check) => check.columns.includes(column.name)),
  )
  if (checked.length === 0) return chosen
  // Postgres itself looks for values that every check allows. A default is left to the insert.
  const lists = checked.map((column) => {
    const values = candidates.get(column)!.filter((value) => value !== undefined)
    if (values.length === 0) values.push(null)
    return `(values ${values.map((value) => `(${literal(value, column.type)})`).join(', ')}) as "list of ${column.name}" ("${column.name}")`
  })
  const [found] = await database.asSuperuser<Row>(
    `select ${checked.map(({ name }) => `"${name}"::text as "${name}"`).join(', ')} from ${lists.join(', ')}
     where ${table.checks.map(({ text }) => `(${text}) is not false`).join(' and ')} limit 1`,
  )
  if (!found) throw new Error(`no sample satisfies ${table.checks.map(({ name }) => name).join(', ')}`)
  for (const column of checked) {
    const value = found[column.name] ?? null
    // Nothing but its default was left to choose.
    chosen[column.name] = value === null && !column.nullable ? undefined : value
  }
  return chosen
}

/** The person's own, as references and names say it. */
function ownership(table: Table, person: Person, made: Made): Row {
  const given: Row = {}
  const names: Row = { workspace_id: person.workspaceId, user_id: person.userId, owner_id: person.userId }
  for (const { name } of table.columns) if (names[name] !== undefined) given[name] = names[name]
  for (const { columns, table: other, of } of table.references) {
    const row = made.rows.get(other)?.row
    if (row) for (const [n, name] of columns.entries()) given[name] = row[of[n]!] ?? null
  }
  return given
}

async function insert(
  database: TestDatabase,
  table: Table,
  values: Record<string, Value>,
): Promise<Row | undefined> {
  const names = Object.keys(values)
  const marks = names.map((name) => literal(values[name], typeOf(table, name)))
  const result = await database
    .asSuperuser<Row>(
      `insert into nora.${table.name} (${names.join(', ')}) values (${marks.join(', ')}) returning ${asText(table)}`,
    )
    .catch((error: Error & { code?: string }) => {
      if (error.code === '23505') return []
      throw error
    })
  return result[0]
}

async function readRow(database: TestDatabase, table: Table, where: string): Promise<Row | undefined> {
  const rows = await database.asSuperuser<Row>(
    `select ${asText(table)} from nora.${table.name} where ${where} limit 1`,
  )
  return rows[0]
}

const asText = (table: Table) => table.columns.map(({ name }) => `"${name}"::text as "${name}"`).join(', ')
