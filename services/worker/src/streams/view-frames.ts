import type { LogChunkRow } from '@nora/db/logs'
import { chunkText } from '@nora/events/log-chunk'

/** Lines in a frame at the most, and characters after which a frame is closed early. */
const mostLines = 50
const fullChars = 65_536

/** What one chunk gives a viewer: text frames, and the numbers they stand for: after `after`, up to `last`. */
export type Piece = { after: number; last: number; generation: number; frames: string[] }

/**
 * Frames (`LogsFrame` in the contract) of all records after `after`, chunk by chunk. A hole before a chunk is a gap: the
 * lines in it are older than what is kept. With `holes: false` (only one generation is read) holes mean nothing.
 */
export async function piecesOf(
  rows: readonly LogChunkRow[],
  after: number,
  options: { holes: boolean },
): Promise<Piece[]> {
  const pieces: Piece[] = []
  let at = after
  for (const row of rows) {
    if (row.last_seq <= at) continue
    const frames = framesOf(await chunkText(row.data), at)
    if (options.holes && row.first_seq > at + 1) {
      frames.unshift(trimmedFrame(at + 1, row.first_seq - 1))
    }
    pieces.push({ after: at, last: row.last_seq, generation: row.generation, frames })
    at = row.last_seq
  }
  return pieces
}

export const stateFrame = (state: string, reason: string) => JSON.stringify({ type: 'state', state, reason })
/** Says of lines that were there that they are not any more. */
export const trimmedFrame = (from: number, to: number) =>
  gapFrame(from, to, 'these lines are older than what is kept')
const gapFrame = (from: number, to: number, reason: string) =>
  JSON.stringify({ type: 'gap', from, to, reason })

// A record is `[seq,"ts","o",<JSON text>]`: its parts are cut out and put together anew, not parsed and written again.
function framesOf(text: string, after: number): string[] {
  const frames: string[] = []
  let lines: string[] = []
  let chars = 0
  const close = () => {
    if (lines.length > 0) frames.push(`{"type":"lines","lines":[${lines.join(',')}]}`)
    lines = []
    chars = 0
  }
  for (const record of text.split('\n')) {
    const seqEnd = record.indexOf(',')
    if (seqEnd < 0) continue
    const seq = record.slice(1, seqEnd)
    if (Number(seq) <= after) continue
    const tsEnd = record.indexOf(',', seqEnd + 1)
    const kind = record[tsEnd + 2]
    const body = record.slice(tsEnd + 5, -1)
    if (kind === 'g') {
      close()
      const { from, to, reason } = JSON.parse(body) as { from: number; to: number; reason: string }
      frames.push(gapFrame(from, to, reason))
      continue
    }
    const stream = kind === 'e' ? 'stderr' : 'stdout'
    lines.push(`{"seq":${seq},"ts":${record.slice(seqEnd + 1, tsEnd)},"stream":"${stream}","text":${body}}`)
    chars += body.length
    if (lines.length === mostLines || chars > fullChars) close()
  }
  close()
  return frames
}
