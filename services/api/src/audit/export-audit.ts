import { Readable } from 'node:stream'
import type { AuditExportQuery } from '@nora/contract/audit'
import type { Tx } from '@nora/db/actor'
import { type AuditFilter, type AuditScope, auditPage, databaseNow } from '@nora/db/audit-read'
import type { Cursor } from '@nora/db/cursor'
import { DomainError } from '@nora/domain/errors'
import { Type } from 'typebox'
import { csvHead, csvLine, jsonLine } from './export-rows.ts'

/** The content type of each format. */
export const exportTypes = { jsonl: 'application/x-ndjson', csv: 'text/csv; charset=utf-8' }

const text = Type.Unsafe<never>({ type: 'string' })
/** The answer of an export, in the words of a route's schema. */
export const exportAnswer = {
  description: 'By `format`',
  content: { 'application/x-ndjson': { schema: text }, 'text/csv': { schema: text } },
}

const rowsAtOnce = 200
const mostAtOnce = 2
const exportDeadlineMs = 900_000

/** Runs one part of an export in a transaction that proves anew who reads. */
export type EnterPart = <T>(run: (tx: Tx) => Promise<T>) => Promise<T>

type Export = {
  userId: string
  enter: EnterPart
  filter: AuditFilter
  scope?: AuditScope
  query: Pick<AuditExportQuery, 'format' | 'shape'>
}

/**
 * Exports as streams: a page at a time, the next when the reader has taken the last. Two at once for a person, fifteen
 * minutes each.
 */
export function auditExports(deadlineMs = exportDeadlineMs) {
  const running = new Map<string, number>()

  return (asked: Export): Readable => {
    const { userId } = asked
    const count = running.get(userId) ?? 0
    if (count >= mostAtOnce) throw new DomainError('rate-limited', { retryAfterSeconds: 10 })
    running.set(userId, count + 1)
    const stream = Readable.from(texts(asked, AbortSignal.timeout(deadlineMs)), {
      objectMode: false,
      highWaterMark: 64 * 1024,
    })
    stream.once('close', () => {
      const left = (running.get(userId) ?? 1) - 1
      if (left > 0) running.set(userId, left)
      else running.delete(userId)
    })
    return stream
  }
}

async function* texts(
  { enter, filter, scope = 'here', query: { format = 'jsonl', shape = 'brief' } }: Export,
  signal: AbortSignal,
): AsyncIterable<Buffer> {
  const line = format === 'csv' ? csvLine : jsonLine
  if (format === 'csv') yield Buffer.from(csvHead(shape))
  let after: Cursor | null | undefined
  // What is written while it runs is for the next export: this one has an end.
  let end: string | undefined
  while (after !== null) {
    signal.throwIfAborted()
    const place = after
    const page = await enter(async (tx) => {
      end ??= await earlier(tx, filter.to)
      return auditPage(
        tx,
        { ...filter, to: end },
        { order: 'oldest', limit: rowsAtOnce, after: place },
        scope,
      )
    })
    if (page.rows.length > 0) yield Buffer.from(page.rows.map((row) => line(row, shape)).join(''))
    after = page.next
  }
}

async function earlier(tx: Tx, to: string | undefined): Promise<string> {
  const now = await databaseNow(tx)
  return to !== undefined && to < now ? to : now
}
