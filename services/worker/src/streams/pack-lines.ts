import { gapRecord, lineRecord, MAX_CHUNK_BYTES } from '@nora/events/log-chunk'
import type { Line } from './line-joiner.ts'

/** A chunk before it is compressed. */
export type Draft = {
  firstSeq: number
  lastSeq: number
  firstTs: string
  lastTs: string
  lines: number
  text: string
  /** Of `text`, in UTF-8. */
  bytes: number
}

/** The longest line that is stored, in UTF-8 bytes. */
export const mostLineBytes = 65_536
/** A last chunk below this size grows by the next lines instead of standing alone. */
export const smallChunkBytes = 8_192

export const gapReason = 'the engine had thrown lines away before they were read'

/** Lines as one text, joined by newlines; bytes that are no UTF-8 become U+FFFD. No line contains a newline. */
export function joinTexts(lines: readonly Line[]): string {
  let size = 0
  for (const line of lines) size += line.text.length + 1
  const bytes = Buffer.allocUnsafe(Math.max(0, size - 1))
  let at = 0
  for (const line of lines) {
    if (at > 0 || line !== lines[0]) bytes[at++] = 0x0a
    line.text.copy(bytes, at)
    at += line.text.length
  }
  return bytes.toString('utf8')
}

/**
 * Packs cleaned texts (one a line, same order) into chunks of at most 64 KiB, numbering from `nextSeq`; a gap takes a
 * number of its own. With `grow` (the small chunk stored last) the first draft is that chunk and what follows it.
 */
export function packLines(
  lines: readonly Line[],
  texts: readonly string[],
  nextSeq: number,
  grow?: Draft,
): { drafts: Draft[]; nextSeq: number } {
  const drafts: Draft[] = []
  let seq = nextSeq
  let draft: Draft | undefined = grow && { ...grow }
  const add = (record: string, ts: string) => {
    const bytes = Buffer.byteLength(record)
    if (draft && draft.bytes + bytes > MAX_CHUNK_BYTES) {
      drafts.push(draft)
      draft = undefined
    }
    draft ??= { firstSeq: seq, lastSeq: seq, firstTs: ts, lastTs: ts, lines: 0, text: '', bytes: 0 }
    draft.text += record
    draft.bytes += bytes
    draft.lines++
    draft.lastSeq = seq++
    draft.lastTs = ts
  }
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!
    if (line.gapBefore) {
      add(gapRecord({ seq, ts: line.ts, gap: { from: seq, to: seq, reason: gapReason } }), line.ts)
    }
    const text = texts[i]!
    const whole = text.length <= mostLineBytes / 3 && !line.cut ? text : cutText(text, line.cut === true)
    add(lineRecord(seq, line.ts, line.stream, whole), line.ts)
  }
  if (draft) drafts.push(draft)
  return { drafts, nextSeq: seq }
}

/** A chunk that says only that something is missing. */
export function packGap(seq: number, ts: string, reason: string): Draft {
  const text = gapRecord({ seq, ts, gap: { from: seq, to: seq, reason } })
  return {
    firstSeq: seq,
    lastSeq: seq,
    firstTs: ts,
    lastTs: ts,
    lines: 1,
    text,
    bytes: Buffer.byteLength(text),
  }
}

// Cut behind a whole character: a byte of the form 10xxxxxx continues one (RFC 3629).
function cutText(text: string, more: boolean): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= mostLineBytes && !more) return text
  let end = Math.min(bytes.length, mostLineBytes)
  while (end > 0 && end < bytes.length && ((bytes[end] as number) & 0xc0) === 0x80) end--
  return `${bytes.toString('utf8', 0, end)} [cut here: the line is longer than 64 KiB]`
}
