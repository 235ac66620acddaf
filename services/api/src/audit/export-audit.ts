import { Readable } from 'node:stream'
import type { AuditExportQuery } from '@nora/contract/audit'
import { type SessionActor, type Tx, withActor } from '@nora/db/actor'
import { type AuditFilter, auditPage, databaseNow } from '@nora/db/audit-read'
import type { Cursor } from '@nora/db/cursor'
import { DomainError } from '@nora/domain/errors'
import { allows } from '@nora/domain/roles'
import type { Deps } from '../deps.ts'
import { csvHead, csvLine, jsonLine } from './export-rows.ts'

const rowsAtOnce = 200
const mostAtOnce = 2
const exportDeadlineMs = 900_000

/**
 * Exports as streams: a page at a time, the next when the reader has taken the last, each in a transaction of its own
 * that proves session and role anew. Two at once for a person, fifteen minutes each.
 */
export function auditExports(deps: Deps, deadlineMs = exportDeadlineMs) {
  const running = new Map<string, number>()

  return (actor: SessionActor, userId: string, filter: AuditFilter, query: AuditExportQuery): Readable => {
    const count = running.get(userId) ?? 0
    if (count >= mostAtOnce) throw new DomainError('rate-limited', { retryAfterSeconds: 10 })
    running.set(userId, count + 1)
    const stream = Readable.from(texts(deps, actor, filter, query, AbortSignal.timeout(deadlineMs)), {
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
  deps: Deps,
  actor: SessionActor,
  filter: AuditFilter,
  { format = 'jsonl', shape = 'brief' }: AuditExportQuery,
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
    const page = await withActor(deps.db, actor, async (tx, { role }) => {
      if (!allows(role, 'audit:read')) throw new DomainError('forbidden')
      end ??= await earlier(tx, filter.to)
      return auditPage(tx, { ...filter, to: end }, { order: 'oldest', limit: rowsAtOnce, after: place })
    })
    if (page.rows.length > 0) yield Buffer.from(page.rows.map((row) => line(row, shape)).join(''))
    after = page.next
  }
}

async function earlier(tx: Tx, to: string | undefined): Promise<string> {
  const now = await databaseNow(tx)
  return to !== undefined && to < now ? to : now
}
