import { counted } from '@nora/ui/lib/words'
import type { LogRow } from './log-buffer.ts'

type GapRow = Extract<LogRow, { kind: 'gap' }>

/** "12 lines are missing here: ...". */
export function gapWords({ from, to, reason }: Pick<GapRow, 'from' | 'to' | 'reason'>): string {
  const lines =
    Number.isFinite(to - from) && to > from ? `${counted(to - from + 1, 'line')} are` : 'Lines are'
  return `${lines} missing here: ${reason}`
}

const two = (value: number) => String(value).padStart(2, '0')

/** The time of a line in the reader's own zone, to the millisecond: `14:03:09.512`. */
export function lineTime(ts: string): string {
  const at = new Date(ts)
  if (Number.isNaN(at.getTime())) return ts
  const ms = String(at.getMilliseconds()).padStart(3, '0')
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${ms}`
}

/** A row as a line of a file. */
export function rowText(row: LogRow, withTimes: boolean): string {
  if (row.kind === 'note') return `--- ${row.text}`
  if (row.kind === 'gap') return `--- ${gapWords(row)}`
  return withTimes ? `${row.ts} ${row.stream} ${row.text}` : row.text
}

export type Piece = { text: string; found: boolean }

/** A text in pieces, so that what was looked for can be marked, in any case of its letters. */
export function piecesOf(text: string, query: string): Piece[] {
  const wanted = query.toLowerCase()
  // Letters whose lower case is longer than they are would shift every place behind them.
  const lower = text.toLowerCase()
  if (wanted === '' || lower.length !== text.length) return [{ text, found: false }]
  const pieces: Piece[] = []
  let at = 0
  for (let found = lower.indexOf(wanted); found >= 0; found = lower.indexOf(wanted, at)) {
    if (found > at) pieces.push({ text: text.slice(at, found), found: false })
    pieces.push({ text: text.slice(found, found + wanted.length), found: true })
    at = found + wanted.length
  }
  if (at < text.length || pieces.length === 0) pieces.push({ text: text.slice(at), found: false })
  return pieces
}
