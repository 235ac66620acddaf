import type { LogFrame } from '../backends/backend.ts'

/** A whole line of an agent, as bytes. The frame itself where one frame was the line. */
export type Line = Pick<LogFrame, 'ts' | 'stream' | 'text'> & {
  /** The line was longer than what is kept of it, or is not at its end yet. */
  cut?: boolean
  /** The engine may have thrown lines away before this one. */
  gapBefore?: boolean
}

/** The last frame that the lines so far are made of; everything up to it has been taken. */
export type Position = { ts: string; ordinal: number }

/**
 * Joins frames into lines. Lines come out in the order of their first frames, and only with a position such that every
 * frame up to it belongs to a line that came out: whoever stores lines and position together and begins there again
 * neither misses nor doubles a line, whatever the two streams interleave.
 */
export type LineJoiner = {
  push(frame: LogFrame): void
  /** Bytes that `take` would give now. */
  readyBytes(): number
  /** Whether `take` would give a line. */
  hasReady(): boolean
  take(): { lines: Line[]; position: Position | undefined }
  /** Gives up waiting for lines' ends: what is there of them becomes ready. What follows of them is a line of its own. */
  finish(): void
  /** How long the oldest unfinished line has been waited for, in milliseconds; 0 for none. */
  waitedMs(now: number): number
}

/** Kept of one line before secrets are taken out: more than is stored, so that one on the edge is seen whole. */
const mostKept = 80 * 1024
const mostHeld = 1024 * 1024

type Entry = {
  line: Line
  parts: Buffer[]
  bytes: number
  first: number
  last: number
  position: Position
  done: boolean
  /** Frames of the rest of a line that was cut: they have a position and no text. */
  silent: boolean
}

export function lineJoiner(clock: () => number = Date.now): LineJoiner {
  let ready: Line[] = []
  let readyBytes = 0
  let position: Position | undefined
  let held: Entry[] = []
  let heldBytes = 0
  let heldSince = 0
  let frames = 0
  const open: { stdout?: Entry | undefined; stderr?: Entry | undefined } = {}
  const skipping = { stdout: false, stderr: false }

  function makeReady(line: Line, at: Position): void {
    ready.push(line)
    readyBytes += line.text.length
    position = at
  }

  function hold(frame: LogFrame): Entry {
    const { ts, stream, text, gapBefore } = frame
    const silent = skipping[stream]
    const line: Line = { ts, stream, text, ...(gapBefore && { gapBefore }) }
    const entry = {
      line,
      parts: [],
      bytes: 0,
      first: frames,
      last: frames,
      position: frame,
      done: silent,
      silent,
    }
    if (held.length === 0) heldSince = clock()
    held.push(entry)
    if (silent && !frame.partial) skipping[stream] = false
    return entry
  }

  function extend(entry: Entry, frame: LogFrame): void {
    entry.parts.push(frame.text)
    entry.bytes += frame.text.length
    heldBytes += frame.text.length
    entry.last = frames
    entry.position = { ts: frame.ts, ordinal: frame.ordinal }
    entry.done = !frame.partial
    if (frame.partial && entry.bytes >= mostKept) {
      entry.done = true
      entry.line.cut = true
      skipping[frame.stream] = true
    }
    open[frame.stream] = entry.done ? undefined : entry
  }

  // The longest run of finished lines behind which no frame of theirs lies.
  function release(): void {
    let last = -1
    let count = 0
    for (let i = 0; i < held.length && held[i]!.done; i++) {
      last = Math.max(last, held[i]!.last)
      if (i + 1 === held.length || held[i + 1]!.first > last) count = i + 1
    }
    if (count === 0) return
    const gone = held.slice(0, count)
    held = held.slice(count)
    heldSince = clock()
    let end = gone[0]!
    for (const entry of gone) {
      heldBytes -= entry.bytes
      if (entry.last > end.last) end = entry
      if (entry.silent) continue
      const text = entry.parts.length === 1 ? entry.parts[0]! : Buffer.concat(entry.parts)
      makeReady({ ...entry.line, text }, entry.position)
    }
    position = { ts: end.position.ts, ordinal: end.position.ordinal }
  }

  function finish(): void {
    for (const entry of held) entry.done = true
    open.stdout = undefined
    open.stderr = undefined
    if (held.length > 0) release()
  }

  return {
    push(frame) {
      if (held.length === 0 && !frame.partial && !skipping[frame.stream]) {
        makeReady(frame, frame)
        return
      }
      frames++
      const entry = open[frame.stream] ?? hold(frame)
      if (!entry.silent) extend(entry, frame)
      release()
      if (heldBytes > mostHeld) finish()
    },
    readyBytes: () => readyBytes,
    hasReady: () => ready.length > 0,
    take() {
      const taken = { lines: ready, position: position && { ts: position.ts, ordinal: position.ordinal } }
      ready = []
      readyBytes = 0
      return taken
    },
    finish,
    waitedMs: (now) => (held.length === 0 ? 0 : now - heldSince),
  }
}
