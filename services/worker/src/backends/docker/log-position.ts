import type { LogCursor, LogFrame } from '../backend.ts'
import type { EngineFrame } from './log-frames.ts'

/**
 * Where a reader stands in a container's log. A log is read in passes: each begins at or before the cursor and the
 * position lets through what lies after it **in the order of the file**. Order in time would not do: a long line's
 * later pieces carry the time of its first, so a line of the other stream between them is "younger" than what follows.
 */
export type LogPosition = {
  /** Begins a pass: from which time on the engine must send, and how much earlier; undefined: everything. */
  begin(kind: 'held' | 'live'): { from: string; marginMs: number } | undefined
  /** The frames to deliver now; `arrivedAt` in Unix milliseconds. */
  take(frames: EngineFrame[], arrivedAt?: number): LogFrame[]
  /**
   * After a pass over everything held: true when the cursor was not in it, so that another such pass is needed,
   * which delivers what is younger than the cursor and says that something may be lost.
   */
  missed(): boolean
  /** Whether a live pass can be trusted: `broken`, read what is held again at once; `doubtful`, if it falls silent. */
  trust(): 'sound' | 'doubtful' | 'broken'
  /** The youngest time met in this pass, or the cursor's. */
  newest(): string | undefined
  /** Whether there is a cursor: the newest lines are then enough for a live pass. */
  started(): boolean
}

// A cursor from an earlier process: the long line that was open then may have begun this much earlier.
const resumeMarginMs = 60_000
// The two streams are stamped before they are written; under load they overtake each other.
const skewMs = 1_000
// A follower that is this late, in the middle of this much, may skip a file when it is rotated: 10 MB cannot be
// written in less, so a smaller step in time hides no loss.
const jumpMs = 100
const busyBytes = 256 * 1024

type Stream = EngineFrame['stream']
type Mode = 'deliver' | 'search' | 'younger-only'

/** A position after `cursor`, or at the beginning. */
export function logPosition(containerId: string, cursor: LogCursor | undefined): LogPosition {
  let last: { ts: string; ordinal: number } | undefined = cursor
  // Whether times have been seen to rise in this log; a clock that was set back makes them useless for shortcuts.
  let timesRise = true
  let readAllNext = false
  let resumed = cursor !== undefined
  let notHeld = false
  let lost = false
  // When the lines began that were unfinished at the cursor: a pass must start there to meet their later pieces.
  const unfinished = new Map<Stream, string>()

  let mode: Mode = 'deliver'
  let live = false
  let first = true
  let bytes = 0
  let before: { at: number; lateMs: number } | undefined
  let trust: ReturnType<LogPosition['trust']> = 'sound'
  let ordinals = ordinalCounter()
  let latest = new Map<Stream, EngineFrame>()

  function begin(kind: 'held' | 'live'): ReturnType<LogPosition['begin']> {
    live = kind === 'live'
    mode = last === undefined ? 'deliver' : notHeld ? 'younger-only' : 'search'
    first = true
    bytes = 0
    before = undefined
    trust = 'sound'
    ordinals = ordinalCounter()
    latest = new Map()
    if (!last || !timesRise || readAllNext) return undefined
    const from = [...unfinished.values(), last.ts].sort()[0] as string
    return { from, marginMs: resumed ? resumeMarginMs : skewMs }
  }

  function deliver(frame: LogFrame): LogFrame {
    last = { ts: frame.ts, ordinal: frame.ordinal }
    note(frame)
    if (!lost) return frame
    lost = false
    return { ...frame, gapBefore: true }
  }

  function note(frame: { stream: Stream; ts: string; partial: boolean }): void {
    if (frame.partial) unfinished.set(frame.stream, frame.ts)
    else unfinished.delete(frame.stream)
  }

  function goOnAfterLoss(): void {
    mode = 'deliver'
    resumed = false
    notHeld = false
    readAllNext = false
    lost = true
    unfinished.clear()
  }

  /** Looks at a frame before the cursor is met; true when it is to be delivered all the same. */
  function search(frame: LogFrame, isFirst: boolean): boolean {
    const at = last as { ts: string; ordinal: number }
    if (frame.ts === at.ts && frame.ordinal === at.ordinal) {
      mode = 'deliver'
      resumed = false
      readAllNext = false
      if (trust === 'doubtful') trust = 'sound'
      for (const seen of latest.values()) note(seen)
      return false
    }
    if (frame.ts <= at.ts) return false
    const far = Date.parse(frame.ts) - Date.parse(at.ts) > skewMs
    if (live) trust = far && timesRise ? 'broken' : 'doubtful'
    // Files go from the front: when even the first frame is well past the cursor, the cursor is no longer held.
    if (live || !far || !isFirst || resumed || !timesRise) return false
    goOnAfterLoss()
    return true
  }

  /** Frames of one stream never go back in time, unless the engine shows them again or the clock was set back. */
  function goesBack(frame: EngineFrame): boolean {
    const before = latest.get(frame.stream)
    if (!before || frame.ts > before.ts) return false
    if (frame.ts < before.ts) return true
    return live && mode === 'deliver' && !before.partial && frame.text.equals(before.text)
  }

  /** Whether the engine may have left frames out before this one. */
  function jumps(frame: EngineFrame, arrivedAt: number): boolean {
    const at = Date.parse(frame.ts)
    const jumped = before && bytes > busyBytes && before.lateMs > jumpMs && at - before.at > jumpMs
    before = { at, lateMs: arrivedAt - at }
    bytes += frame.text.length
    return jumped === true
  }

  function takeOne(frame: EngineFrame, arrivedAt: number): LogFrame[] {
    if (trust === 'broken') return []
    const back = goesBack(frame)
    if (live && mode === 'deliver' && (back || jumps(frame, arrivedAt))) {
      // Shown again or written by a clock that was set back: only the file as a whole tells.
      readAllNext ||= back
      trust = 'broken'
      return []
    }
    if (back) timesRise = false
    const isFirst = first
    first = false
    latest.set(frame.stream, frame)
    const numbered = { containerId, ordinal: ordinals.next(frame), ...frame }
    if (mode === 'younger-only' && frame.ts > (last as { ts: string }).ts) goOnAfterLoss()
    else if (mode !== 'deliver' && !(mode === 'search' && search(numbered, isFirst))) return []
    return [deliver(numbered)]
  }

  return {
    begin,
    take: (frames, arrivedAt = Date.now()) => frames.flatMap((frame) => takeOne(frame, arrivedAt)),
    missed() {
      notHeld = mode === 'search'
      return notHeld
    },
    trust: () => trust,
    started: () => last !== undefined,
    newest: () =>
      [...latest.values()]
        .map((frame) => frame.ts)
        .concat(last?.ts ?? [])
        .sort()
        .at(-1),
  }
}

const remembered = 1024

/** Counts frames of the same timestamp, also when others lie between them; forgets times long past. */
function ordinalCounter(): { next(frame: EngineFrame): number } {
  const counts = new Map<string, number>()
  const open = new Map<Stream, string>()
  return {
    next(frame) {
      const ordinal = counts.get(frame.ts) ?? 0
      counts.set(frame.ts, ordinal + 1)
      if (frame.partial) open.set(frame.stream, frame.ts)
      else open.delete(frame.stream)
      if (counts.size > remembered) forget(counts, new Set(open.values()))
      return ordinal
    },
  }
}

function forget(counts: Map<string, number>, keep: Set<string>): void {
  for (const ts of counts.keys()) {
    if (counts.size <= remembered / 2) return
    if (!keep.has(ts)) counts.delete(ts)
  }
}
