import type { LogQuery } from '@nora/contract/agent-history'
import type { LogChunkRow } from '@nora/db/logs'
import { chunkText, type LogRecord, parseRecord } from '@nora/events/log-chunk'

/** What a request for stored lines asks for. */
export type LogSearch = {
  limit: number
  before: number
  /** Whether a hole in the numbers means lines that are no longer kept. */
  holes: boolean
  /** The records of a chunk among which there may be wanted ones, in order, and how many characters were unpacked. */
  records(chunk: LogChunkRow): Promise<{ records: LogRecord[]; unpacked: number }>
  wants(record: LogRecord): boolean
}

// Above a chunk's own characters: what it costs to fetch and unpack one at all.
const perChunk = 1024

/** Prepares a search. A line is found when it contains `q` in any case; a gap is part of every answer but a search's. */
export function searchOf(query: LogQuery): LogSearch {
  const { limit = 200, before = Number.MAX_SAFE_INTEGER, generation } = query
  const q = query.q?.toLowerCase()
  const hint = q === undefined ? undefined : hintOf(q)
  return {
    limit,
    before,
    holes: q === undefined && generation === undefined,
    async records(chunk) {
      const text = await chunkText(chunk.data)
      const unpacked = text.length + perChunk
      if (hint !== undefined && !text.toLowerCase().includes(hint)) return { records: [], unpacked }
      const lines = text.split('\n').filter((line) => line !== '')
      return { records: lines.map(parseRecord), unpacked }
    },
    wants(record) {
      return q === undefined || ('text' in record && record.text.toLowerCase().includes(q))
    },
  }
}

// How the search's text stands in a chunk, which is JSON: without it no line has to be looked at. Only for ASCII, of which
// lower case does not depend on what stands around it.
function hintOf(q: string): string | undefined {
  return /^[\x20-\x7e]*$/.test(q) ? JSON.stringify(q).slice(1, -1).toLowerCase() : undefined
}
