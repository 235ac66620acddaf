import { DomainError } from '@nora/domain/errors'
import { type ExpressionBuilder, type RawBuilder, sql } from 'kysely'
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

/** The condition "after this place" as text, with the marks of both parameters. */
export const afterPlace = (table: string, createdUs: string, id: string): string =>
  `(${table}.created_at, ${table}.id) < (timestamptz 'epoch' + ${createdUs}::bigint * interval '1 microsecond', ${id}::uuid)`

// `encodeCursor` in SQL; Postgres breaks lines of base64 at 76 characters, and a cursor has 72 at the most.
const cursorOf = (row: string) =>
  `translate(encode(convert_to((extract(epoch from ${row}.created_at) * 1000000)::bigint || '.' || ${row}.id, 'UTF8'), 'base64'), '+/=', '-_')`

/** Of a list that is read as JSON: a table with its alias, the columns of an item, and which rows. */
export type JsonList = { table: string; alias: string; columns: string; where: string }

/**
 * A query for the JSON of a list's answer, newest first: one row of one column. Its first parameter is how many items a page has.
 * The api passes it on as the bytes that come; made there of 50 rows it would cost a string for each, and one for them all.
 */
export function pageText({ table, alias, columns, where }: JsonList): string {
  const most = '$1::bigint'
  const inOrder = `select row_to_json(x) as item, ${alias}.created_at, ${alias}.id
    from ${table} ${alias}, lateral (select ${columns}) x
    where ${where} order by ${alias}.created_at desc, ${alias}.id desc limit ${most} + 1`
  return `select concat('{"items":[', string_agg(item::text, ',') filter (where n <= ${most}), '],"nextCursor":',
      case when count(*) > ${most} then '"' || max(${cursorOf('p')}) filter (where n = ${most}) || '"' else 'null' end, '}')
    from (select row_number() over () as n, p.* from (${inOrder}) p) p`
}
