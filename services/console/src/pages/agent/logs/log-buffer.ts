import { harmlessText } from '@nora/ui/lib/harmless-text'

/** A line, a place where lines are missing, or a word of ours between them. */
export type LogRow =
  | { kind: 'line'; seq: number; ts: string; stream: 'stdout' | 'stderr'; text: string }
  | { kind: 'gap'; seq: number; from: number; to: number; reason: string }
  | { kind: 'note'; text: string }

/** Rows that are drawn together; once full it never changes, so that it is drawn once. */
export type LogBlock = { id: number; rows: readonly LogRow[] }

export type LogView = {
  blocks: readonly LogBlock[]
  count: number
  /** Rows that came since somebody stopped to read. */
  waiting: number
  /** What is shown does not reach up to what comes now: to follow again, the end is read anew. */
  endIsCut: boolean
  /** The lowest number that is shown; older lines are below it. */
  oldest: number | undefined
}

const blockRows = 100
/** Longer lines are shown up to here; copies and files have all of them. */
export const mostShown = 8_000

/**
 * The rows that a page holds, never more than `mostRows` of them or `mostChars` of text. While it follows, the oldest go; while
 * somebody reads (`hold`), new ones wait, and when older ones come the newest go. Text is kept as it may be shown.
 */
export function createLogBuffer({ mostRows = 5_000, mostChars = 8_000_000 } = {}) {
  let blocks: LogBlock[] = []
  let waiting: LogRow[] = []
  let overflowed = 0
  let count = 0
  let chars = 0
  let nextId = 0
  let holding = false
  let endIsCut = false
  let lastSeq: number | undefined
  let view: LogView | undefined

  const sizeOf = (row: LogRow) => (row.kind === 'line' ? row.text.length : 100)
  const sizeOfAll = (rows: readonly LogRow[]) => rows.reduce((sum, row) => sum + sizeOf(row), 0)

  function put(row: LogRow): void {
    const last = blocks.at(-1)
    if (last && last.rows.length < blockRows)
      blocks[blocks.length - 1] = { id: last.id, rows: [...last.rows, row] }
    else blocks.push({ id: nextId++, rows: [row] })
    count++
    chars += sizeOf(row)
  }

  function drop(from: 'start' | 'end'): void {
    while (blocks.length > 1 && (count > mostRows || chars > mostChars)) {
      const gone = from === 'start' ? blocks.shift() : blocks.pop()
      if (!gone) return
      count -= gone.rows.length
      chars -= sizeOfAll(gone.rows)
      if (from === 'end') endIsCut = true
    }
  }

  /** New rows, at the end. Numbers that are there already are left out. */
  function add(rows: readonly LogRow[]): void {
    view = undefined
    for (const row of rows) {
      const last = row.kind === 'line' ? row.seq : row.kind === 'gap' ? row.to : undefined
      if (last !== undefined) {
        if (lastSeq !== undefined && last <= lastSeq) continue
        lastSeq = last
      }
      if (!holding) put(row)
      else if (waiting.length < mostRows) waiting.push(row)
      else overflowed++
    }
    if (!holding) drop('start')
  }

  /** Older rows, at the start; makes room at the end. */
  function addOlder(rows: readonly LogRow[]): void {
    view = undefined
    const first = firstSeq()
    const fresh = rows.filter((row) => row.kind === 'note' || first === undefined || row.seq < first)
    const made: LogBlock[] = []
    for (let at = fresh.length; at > 0; at -= blockRows)
      made.unshift({ id: nextId++, rows: fresh.slice(Math.max(0, at - blockRows), at) })
    blocks = [...made, ...blocks]
    count += fresh.length
    chars += sizeOfAll(fresh)
    drop('end')
  }

  function firstSeq(): number | undefined {
    for (const { rows } of blocks) for (const row of rows) if (row.kind !== 'note') return row.seq
    return undefined
  }

  return {
    add,
    addOlder,
    /** Shows these rows in place of all; what comes now goes on waiting. */
    begin(rows: readonly LogRow[]): void {
      const newest = lastSeq
      this.clear()
      addOlder(rows)
      // What is in between is neither here nor among what waits.
      endIsCut = true
      lastSeq = newest
      view = undefined
    },
    /** Somebody stopped to read. */
    hold(): void {
      holding = true
      view = undefined
    },
    /** Follows again. False: too much came meanwhile, or the end is not there any more; it is empty now and begins anew. */
    release(): boolean {
      holding = false
      view = undefined
      const rows = waiting
      waiting = []
      if (overflowed > 0 || endIsCut) {
        this.clear()
        return false
      }
      for (const row of rows) put(row)
      drop('start')
      return true
    },
    clear(): void {
      blocks = []
      waiting = []
      count = 0
      chars = 0
      overflowed = 0
      endIsCut = false
      lastSeq = undefined
      view = undefined
    },
    /** The number to go on after. */
    lastSeq: (): number | undefined => lastSeq,
    /** Every row that is shown, in order. */
    rows: (): LogRow[] => blocks.flatMap(({ rows }) => rows),
    /** How it stands; the same object as long as nothing changed. */
    view(): LogView {
      view ??= {
        blocks: [...blocks],
        count,
        waiting: waiting.length + overflowed,
        endIsCut: endIsCut || overflowed > 0,
        oldest: firstSeq(),
      }
      return view
    },
  }
}

type Line = { seq: number; ts: string; stream: 'stdout' | 'stderr'; text: string }

/** A line as it is kept. */
export const lineRow = ({ seq, ts, stream, text }: Line): LogRow => ({
  kind: 'line',
  seq,
  ts,
  stream,
  text: harmlessText(text),
})
