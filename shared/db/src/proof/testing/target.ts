import type { Privileges, Table } from '@nora/testing/catalogue'
import { type Made, type Row, typeOf } from '@nora/testing/made-rows'
import type { Value } from '@nora/testing/sample-values'
import type { Outcome } from './attempts.ts'

/** Everything an attack on one table is made of. */
export type Target = {
  table: Table
  granted: Privileges
  mine: Row
  theirs: Row
  /** Values for another row of mine. */
  fresh: Record<string, Value>
  /** How many rows are mine: the most that anything may touch. */
  mineCount: number
  /** Texts that stand in rows of theirs and in nobody else's. */
  tells: readonly string[]
}

/** `wrong` says what an outcome gave away or changed; undefined: nothing. */
export type Attack = {
  name: string
  kind: 'read' | 'write'
  text: string
  wrong: (outcome: Outcome) => string | undefined
}

/** Values by which the other's rows are known when they are seen: ids, marked texts, bytes that are nobody else's. */
export function tellsOf(tables: readonly Table[], theirs: Made, mine: Made): string[] {
  const values = ({ rows }: Made, table: Table) => Object.entries(rows.get(table.name)?.row ?? {})
  const ours = new Set(tables.flatMap((table) => values(mine, table).map(([, value]) => value)))
  const found = tables
    .filter((table) => theirs.rows.get(table.name)?.shared === false)
    .flatMap((table) =>
      values(theirs, table).flatMap(([name, value]) => {
        const type = typeOf(table, name)
        if (value === null || value.length < 12 || ours.has(value)) return []
        if (type === 'bytea') return [value.slice(2)]
        return type === 'uuid' || value.includes(theirs.mark) || value.includes('@') ? [value] : []
      }),
    )
  return [...new Set([...found, theirs.mark])]
}

// Insufficient privilege, a policy's refusal among them; a column that nobody writes.
export const refused = new Set(['42501', '428C9'])
