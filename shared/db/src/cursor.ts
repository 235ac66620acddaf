import { DomainError } from '@nora/domain/errors'
import { type ExpressionBuilder, type RawBuilder, sql } from 'kysely'
import type { TextRow } from './one-flush.ts'
import type { DB } from './schema.ts'

/** A place in a list that is ordered by creation, newest first: microseconds since 1970 and the row's id. */
export type Cursor = { createdUs: number; id: string }

const form = /^(\d{1,17})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/

/** The `nextCursor` text for a place; opaque to callers. */
export function encodeCursor({ createdUs, id }: Cursor): string {
  return Buffer.from(`${createdUs}.${id}`, 'latin1').toString('base64url')
}

/** Reads what `encodeCursor` wrote. Throws DomainError `bad-request` for anything else. */
export function decodeCursor(text: string): Cursor {
  const match = form.exec(Buffer.from(text, 'base64url').toString('latin1'))
  const createdUs = Number(match?.[1])
  if (!match || !Number.isSafeInteger(createdUs)) {
    throw new DomainError('bad-request', {
      errors: [{ path: 'querystring/cursor', message: 'is not a cursor of this list' }],
    })
  }
  return { createdUs, id: match[2]! }
}

/** `created_at` of a table in whole microseconds: a Date has only milliseconds, and a page would lose rows. */
export const createdUs = (table: string): RawBuilder<number> =>
  sql<number>`(extract(epoch from ${sql.ref(`${table}.created_at`)}) * 1000000)::bigint`

/** The condition "after this place" for a list ordered by `created_at desc, id desc`. */
export function afterCursor<T extends keyof DB & string>(table: T, cursor: Cursor) {
  return (_eb: ExpressionBuilder<DB, T>) =>
    sql<boolean>`(${sql.ref(`${table}.created_at`)}, ${sql.ref(`${table}.id`)}) <
      (timestamptz 'epoch' + ${cursor.createdUs}::bigint * interval '1 microsecond', ${cursor.id}::uuid)`
}

/** Cuts a page that was read with one row more than `limit`, and names the place after it. */
export function pageOfRows<T extends { id: string; created_us: number }>(
  rows: T[],
  limit: number,
): { rows: T[]; nextCursor: string | null } {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return {
    rows: page,
    nextCursor:
      rows.length > limit && last ? encodeCursor({ createdUs: last.created_us, id: last.id }) : null,
  }
}

/** The two columns that `jsonPage` makes a cursor of: microseconds since 1970 and the id, of a table's alias. */
export const placeOf = (table: string): string =>
  `(extract(epoch from ${table}.created_at) * 1000000)::bigint, ${table}.id`

/** The condition "after this place" as text, with the marks of both parameters. */
export const afterPlace = (table: string, createdUs: string, id: string): string =>
  `(${table}.created_at, ${table}.id) < (timestamptz 'epoch' + ${createdUs}::bigint * interval '1 microsecond', ${id}::uuid)`

/**
 * The JSON of a list's answer from rows of (an item's JSON, and `placeOf`) that were read with one row more than `limit`.
 */
export function jsonPage(rows: readonly TextRow[], limit: number): string {
  const last = rows.length > limit ? rows[limit - 1] : undefined
  const nextCursor = last ? encodeCursor({ createdUs: Number(last[1]), id: last[2]! }) : null
  const items = rows.slice(0, limit).map(([item]) => item)
  return `{"items":[${items.join(',')}],"nextCursor":${JSON.stringify(nextCursor)}}`
}
