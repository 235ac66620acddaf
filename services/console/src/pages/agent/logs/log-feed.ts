import type { LogLine } from '@nora/contract/agent-history'
import type { LogsFrame } from '@nora/contract/streams'
import { createLogBuffer, type LogRow, type LogView, lineRow } from './log-buffer.ts'

/** Lines in a second above which nobody wants each of them read out. */
const fastLines = 3

/** A log as a page shows it: a buffer, and a picture of it that changes at most once a frame of the screen. */
export function createLogFeed() {
  const buffer = createLogBuffer()
  const listeners = new Set<() => void>()
  let shown: LogView & { fast: boolean } = { ...buffer.view(), fast: false }
  let scheduled = false
  let state: string | undefined
  let second = 0
  let inSecond = 0
  let fast = false

  function schedule(): void {
    if (scheduled) return
    scheduled = true
    // A tab that nobody looks at has no frames.
    if (document.hidden) setTimeout(show, 1_000)
    else requestAnimationFrame(show)
  }

  function show(): void {
    scheduled = false
    shown = { ...buffer.view(), fast }
    for (const listener of listeners) listener()
  }

  function count(lines: number): void {
    const now = Math.floor(Date.now() / 1000)
    if (now !== second) {
      fast = inSecond > fastLines && now === second + 1
      second = now
      inSecond = 0
    }
    inSecond += lines
    if (inSecond > fastLines) fast = true
  }

  return {
    buffer,
    subscribe(listener: () => void): () => void {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    shown: () => shown,
    changed: schedule,
    note(text: string): void {
      buffer.add([{ kind: 'note', text }])
      schedule()
    },
    /** Takes what came; gives the agent's new state where it says that. */
    take(frame: LogsFrame): { state: string; reason: string } | undefined {
      if (frame.type === 'state') {
        const changed = state !== undefined && state !== frame.state
        state = frame.state
        if (changed) this.note(`The agent is ${frame.state} now: ${frame.reason}`)
        return frame
      }
      if (frame.type === 'lines') {
        buffer.add(frame.lines.map(lineRow))
        count(frame.lines.length)
      } else
        buffer.add([{ kind: 'gap', seq: frame.from, from: frame.from, to: frame.to, reason: frame.reason }])
      schedule()
      return undefined
    },
  }
}

/** Stored lines as rows, with a word where another generation of the agent begins. */
export function rowsOf(items: readonly LogLine[]): LogRow[] {
  const rows: LogRow[] = []
  let generation: number | undefined
  for (const item of items) {
    if (generation !== undefined && item.generation !== generation)
      rows.push({ kind: 'note', text: `Generation ${item.generation} of the agent begins` })
    generation = item.generation
    if (item.gap) {
      const { from, to, reason } = item.gap
      rows.push({ kind: 'gap', seq: item.seq, from: Number(from), to: Number(to), reason })
    } else {
      const { seq, ts, stream = 'stdout', text = '' } = item
      rows.push(lineRow({ seq, ts, stream, text }))
    }
  }
  return rows
}
