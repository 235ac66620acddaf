import type { LogLine, LogPage, LogQuery } from '@nora/contract/agent-history'
import { type SessionActor, withActor } from '@nora/db/actor'
import { agentExists } from '@nora/db/agent-reads'
import { chunksAfter, chunksBefore, type LogChunkRow } from '@nora/db/logs'
import { DomainError } from '@nora/domain/errors'
import { decodeChunk, type LogRecord } from '@nora/events/log-chunk'
import type { Deps } from '../deps.ts'

const chunksAtOnce = 32
/** What one request may unpack: a search through a long log goes on with its cursor. */
const maxCharacters = 16 * 1024 * 1024
/** What one answer may hold, as JSON: a control character takes six there, and a slow reader's answer waits in memory. */
const maxAnswer = 2 * 1024 * 1024

/**
 * Stored lines of an agent: after a number in order, else the newest (below `before`). DomainError `not-found`.
 */
export async function readLogs(
  deps: Deps,
  actor: SessionActor,
  agentId: string,
  query: LogQuery,
): Promise<LogPage> {
  const there = await withActor(deps.db, actor, (tx) => agentExists(tx, agentId))
  if (!there) throw new DomainError('not-found')
  const range = {
    agentId,
    limit: chunksAtOnce,
    ...(query.generation !== undefined && { generation: query.generation }),
  }
  return query.after !== undefined
    ? forward(query, query.after, (after) =>
        withActor(deps.db, actor, (tx) => chunksAfter(tx, { ...range, after })),
      )
    : backward(query, (before) => withActor(deps.db, actor, (tx) => chunksBefore(tx, { ...range, before })))
}

async function forward(
  query: LogQuery,
  after: number,
  read: (after: number) => Promise<LogChunkRow[]>,
): Promise<LogPage> {
  const { limit = 200 } = query
  const items: LogLine[] = []
  let answered = 0
  let seen = after
  for (let characters = 0; characters <= maxCharacters; ) {
    const chunks = await read(seen)
    if (chunks.length === 0) return { items, nextCursor: null }
    for (const chunk of chunks) {
      const records = await decodeChunk(chunk.data)
      characters += lengthOf(records)
      for (const record of records) {
        if (record.seq <= after || !wanted(record, query)) continue
        if (query.before !== undefined && record.seq >= query.before) return { items, nextCursor: null }
        items.push(lineOf(record, chunk.generation))
        answered += jsonLength(record)
        if (items.length === limit || answered > maxAnswer) return { items, nextCursor: String(record.seq) }
      }
      seen = chunk.last_seq
      if (characters > maxCharacters) break
    }
  }
  return { items, nextCursor: String(seen) }
}

async function backward(query: LogQuery, read: (before: number) => Promise<LogChunkRow[]>): Promise<LogPage> {
  const { limit = 200 } = query
  const newestFirst: LogLine[] = []
  const page = (nextCursor: string | null) => ({ items: newestFirst.reverse(), nextCursor })
  let answered = 0
  let seen = query.before ?? Number.MAX_SAFE_INTEGER
  for (let characters = 0; characters <= maxCharacters; ) {
    const chunks = await read(seen)
    if (chunks.length === 0) return page(null)
    for (const chunk of chunks) {
      const records = await decodeChunk(chunk.data)
      characters += lengthOf(records)
      for (const record of records.reverse()) {
        if (record.seq >= seen || !wanted(record, query)) continue
        newestFirst.push(lineOf(record, chunk.generation))
        answered += jsonLength(record)
        if (newestFirst.length === limit || answered > maxAnswer)
          return page(record.seq > 1 ? String(record.seq) : null)
      }
      seen = chunk.first_seq
      if (characters > maxCharacters) break
    }
  }
  return page(String(seen))
}

/** A gap is part of every answer about its place, unless something is searched for. */
function wanted(record: LogRecord, { q }: LogQuery): boolean {
  if (q === undefined) return true
  return 'text' in record && record.text.toLowerCase().includes(q.toLowerCase())
}

function lineOf(record: LogRecord, generation: number): LogLine {
  const { seq, ts } = record
  return 'gap' in record
    ? { seq, ts, generation, gap: record.gap }
    : { seq, ts, generation, stream: record.stream, text: record.text }
}

const jsonLength = (record: LogRecord) => ('text' in record ? JSON.stringify(record.text).length : 0) + 128

const lengthOf = (records: readonly LogRecord[]) =>
  records.reduce((sum, record) => sum + ('text' in record ? record.text.length : 0) + 64, 0)
