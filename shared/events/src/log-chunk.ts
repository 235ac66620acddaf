import { promisify } from 'node:util'
import { constants, gunzip as gunzipWithCallback, gzip as gzipWithCallback } from 'node:zlib'

const gzip = promisify(gzipWithCallback)
const gunzip = promisify(gunzipWithCallback)

/** A stored line. `ts` is RFC 3339 with the precision the engine gave. */
export type LoggedLine = { seq: number; ts: string; stream: 'stdout' | 'stderr'; text: string }
/** Where lines are missing: it takes the place of the numbers `from` to `to` (at least its own `seq`, which is `from`). */
export type LoggedGap = { seq: number; ts: string; gap: { from: number; to: number; reason: string } }
export type LogRecord = LoggedLine | LoggedGap

/** Uncompressed size of a chunk, in bytes. Only a chunk of one line may be larger: control characters grow in JSON. */
export const MAX_CHUNK_BYTES = 65_536
/** What a reader accepts: the longest line, every byte of it written as a six-character escape, and some room. */
const MAX_DECODED_BYTES = 8 * MAX_CHUNK_BYTES

/** One line of a chunk's text, newline included: `[seq,"ts","o"|"e","text"]`. `ts` must need no escaping in JSON. */
export function lineRecord(seq: number, ts: string, stream: 'stdout' | 'stderr', text: string): string {
  return `[${seq},"${ts}","${stream === 'stdout' ? 'o' : 'e'}",${JSON.stringify(text)}]\n`
}

/** One gap of a chunk's text, newline included: `[seq,"ts","g",{"from","to","reason"}]`. */
export function gapRecord({ seq, ts, gap }: LoggedGap): string {
  return `[${seq},"${ts}","g",${JSON.stringify({ from: gap.from, to: gap.to, reason: gap.reason })}]\n`
}

/** Packs records in order of `seq` into what `log_chunks.data` holds: gzip of NDJSON. */
export function encodeChunk(records: readonly LogRecord[]): Promise<Buffer> {
  return compressChunk(
    records.map((r) => ('gap' in r ? gapRecord(r) : lineRecord(r.seq, r.ts, r.stream, r.text))).join(''),
  )
}

/** `encodeChunk` for text that was made with `lineRecord` and `gapRecord` already. */
export function compressChunk(text: string): Promise<Buffer> {
  return gzip(text, { level: constants.Z_BEST_SPEED })
}

/** The text of a chunk: one record a line. Throws when the data is not gzip, or grows beyond what a chunk may hold. */
export async function chunkText(data: Buffer): Promise<string> {
  return (await gunzip(data, { maxOutputLength: MAX_DECODED_BYTES })).toString('utf8')
}

/**
 * Unpacks a chunk. Throws when the data is not a chunk; nothing of the content is in the error.
 */
export async function decodeChunk(data: Buffer): Promise<LogRecord[]> {
  const records: LogRecord[] = []
  for (const line of (await chunkText(data)).split('\n')) {
    if (line !== '') records.push(parseRecord(line))
  }
  return records
}

/** Parses one record of a chunk's text. */
export function parseRecord(line: string): LogRecord {
  let parsed: unknown
  try {
    parsed = JSON.parse(line)
  } catch {
    throw new Error('a log chunk holds a line that is not JSON') // the parser's message would quote the line
  }
  if (!Array.isArray(parsed) || parsed.length !== 4) throw new Error('a log chunk holds an unknown record')
  const [seq, ts, kind, body] = parsed as [number, string, string, unknown]
  if (kind === 'o' || kind === 'e') {
    return { seq, ts, stream: kind === 'o' ? 'stdout' : 'stderr', text: body as string }
  }
  if (kind === 'g') return { seq, ts, gap: body as LoggedGap['gap'] }
  throw new Error('a log chunk holds an unknown record')
}
