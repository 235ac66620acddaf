import type { LogLine, LogPage, LogQuery } from '@nora/contract/agent-history'
import { type CallerActor, withActor } from '@nora/db/actor'
import { chunksAfter, chunksBefore, type LogChunkRow } from '@nora/db/logs'
import { logView } from '@nora/db/viewer-streams'
import { DomainError } from '@nora/domain/errors'
import type { LogRecord } from '@nora/events/log-chunk'
import type { Deps } from '../deps.ts'
import { type LogSearch, searchOf } from './log-search.ts'

const chunksAtOnce = 32
/** What one request may unpack: a search through a long log goes on with its cursor. */
const maxCharacters = 16 * 1024 * 1024
/** What one answer may hold, as JSON: a control character takes six there, and a slow reader's answer waits in memory. */
const maxAnswer = 2 * 1024 * 1024

const trimmed = 'these lines are older than what is kept'

/**
 * Stored lines of an agent: after a number in order, else the newest (below `before`). Where lines are missing because
 * they are older than what is kept, a gap says so, as on the stream. DomainError `not-found`.
 */
export async function readLogs(
  deps: Deps,
  actor: CallerActor,
  agentId: string,
  query: LogQuery,
): Promise<LogPage> {
  const view = await withActor(deps.db, actor, (tx) => logView(tx, agentId))
  if (!view) throw new DomainError('not-found')
  const range = {
    agentId,
    limit: chunksAtOnce,
    ...(query.generation !== undefined && { generation: query.generation }),
  }
  const search = searchOf(query)
  return query.after !== undefined
    ? forward(search, query.after, view.newestSeq, (after) =>
        withActor(deps.db, actor, (tx) => chunksAfter(tx, { ...range, after })),
      )
    : backward(search, view.newestSeq, (before) =>
        withActor(deps.db, actor, (tx) => chunksBefore(tx, { ...range, before })),
      )
}

async function forward(
  search: LogSearch,
  after: number,
  newest: number,
  read: (after: number) => Promise<LogChunkRow[]>,
): Promise<LogPage> {
  const { before } = search
  const page = answer(search)
  let seen = after
  for (let characters = 0; characters <= maxCharacters; ) {
    const chunks = await read(seen)
    if (chunks.length === 0) {
      // All up to `newest` was stored when this request began: what is not there now was removed since.
      const end = Math.min(newest, before - 1)
      if (search.holes && end > seen) page.add(holeOf(seen + 1, end, new Date().toISOString(), 1))
      return page.upTo(null)
    }
    for (const chunk of chunks) {
      const { records, unpacked } = await search.records(chunk)
      characters += unpacked
      if (search.holes && chunk.first_seq > seen + 1 && seen + 1 < before) {
        const to = Math.min(chunk.first_seq, before) - 1
        const full = page.add(holeOf(seen + 1, to, records[0]?.ts ?? '', chunk.generation))
        if (full) return page.upTo(to)
      }
      for (const record of records) {
        if (record.seq <= after || !search.wants(record)) continue
        if (record.seq >= before) return page.upTo(null)
        if (page.add(lineOf(record, chunk.generation))) return page.upTo(record.seq)
      }
      seen = chunk.last_seq
      if (seen >= before - 1) return page.upTo(null)
      if (characters > maxCharacters) break
    }
  }
  return page.upTo(seen)
}

async function backward(
  search: LogSearch,
  newest: number,
  read: (before: number) => Promise<LogChunkRow[]>,
): Promise<LogPage> {
  const page = answer(search, 'newest first')
  let seen = search.before
  let oldest: { ts: string; generation: number } | undefined
  for (let characters = 0; characters <= maxCharacters; ) {
    const chunks = await read(seen)
    if (chunks.length === 0) {
      const end = Math.min(newest, seen - 1)
      const { ts, generation } = oldest ?? { ts: new Date().toISOString(), generation: 1 }
      if (search.holes && end > 0) page.add(holeOf(1, end, ts, generation))
      return page.upTo(null)
    }
    for (const chunk of chunks) {
      const { records, unpacked } = await search.records(chunk)
      characters += unpacked
      if (search.holes && oldest && chunk.last_seq < seen - 1) {
        const full = page.add(holeOf(chunk.last_seq + 1, seen - 1, oldest.ts, oldest.generation))
        if (full) return page.upTo(chunk.last_seq + 1)
      }
      for (const record of [...records].reverse()) {
        if (record.seq >= seen || !search.wants(record)) continue
        if (page.add(lineOf(record, chunk.generation))) return page.upTo(record.seq > 1 ? record.seq : null)
      }
      seen = chunk.first_seq
      oldest = { ts: records[0]?.ts ?? '', generation: chunk.generation }
      if (characters > maxCharacters) break
    }
  }
  return page.upTo(seen)
}

/** Collects the items of one answer: `add` says whether it is full, `upTo` ends it with its cursor. */
function answer({ limit }: LogSearch, order: 'in order' | 'newest first' = 'in order') {
  const items: LogLine[] = []
  let length = 0
  return {
    add(item: LogLine): boolean {
      items.push(item)
      length += (item.text === undefined ? 0 : JSON.stringify(item.text).length) + 128
      return items.length === limit || length > maxAnswer
    },
    upTo(cursor: number | null): LogPage {
      const nextCursor = cursor === null ? null : String(cursor)
      return { items: order === 'in order' ? items : items.reverse(), nextCursor }
    },
  }
}

function lineOf(record: LogRecord, generation: number): LogLine {
  const { seq, ts } = record
  return 'gap' in record
    ? { seq, ts, generation, gap: record.gap }
    : { seq, ts, generation, stream: record.stream, text: record.text }
}

const holeOf = (from: number, to: number, ts: string, generation: number): LogLine => ({
  seq: from,
  ts,
  generation,
  gap: { from, to, reason: trimmed },
})
