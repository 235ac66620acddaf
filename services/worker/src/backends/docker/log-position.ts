import type { LogCursor, LogFrame } from '../backend.ts'
import { ordinalCounter } from './frame-ordinals.ts'
import type { EngineFrame } from './log-frames.ts'
import { sampleEvery, shownTimes } from './shown-times.ts'

/**
 * Where a reader stands in a container's log. A log is read in passes: each begins at or before the cursor and the
 * position lets through what lies after it **in the order of the file**. Order in time would not do: a long line's
 * later pieces carry the time of its first, so a line of the other stream between them is "younger" than what follows.
 */
export type LogPosition = {
  /**
   * Begins a pass: from which time on the engine must send, and how much earlier; undefined: everything. A `live` pass
   * begins at the log's beginning, a `tail` is a live pass that begins anywhere in it.
   */
  begin(kind: 'held' | 'live' | 'tail'): { from: string; marginMs: number } | undefined
  /** The frames to deliver now; `arrivedAt` in Unix milliseconds. */
  take(frames: EngineFrame[], arrivedAt?: number): LogFrame[]
  /**
   * After a pass over everything held: true when the cursor was not in it, so that another such pass is needed,
   * which delivers what is younger than the cursor and says that something may be lost.
   */
  missed(): boolean
  /**
   * Whether a live pass can be trusted: `broken`, read what is held again at once; `doubtful`, if it falls silent;
   * `too-late`, a tail that begins after the cursor: a longer one may meet it.
   */
  trust(): 'sound' | 'doubtful' | 'broken' | 'too-late'
  /** The youngest time met in this pass, or the cursor's. */
  newest(): string | undefined
  /** Whether it is known that fewer frames than that lie up to the cursor. */
  isShorterThan(frames: number): boolean
  /** How long ago the line at the cursor was written. */
  ageMs(now?: number): number
  /** Whether the next pass must read everything. */
  mustReadAll(): boolean
}

// A cursor from an earlier process: the long line that was open then may have begun this much earlier.
const resumeMarginMs = 60_000
// The two streams are stamped before they are written; under load they overtake each other.
const skewMs = 1_000
// A follower that is late in the middle of much may skip a whole file when it is rotated: no engine writes one faster
// than this, so a smaller step in time hides no loss.
const bytesPerMs = 100_000
const busyBytes = 256 * 1024
// A live pass that has skipped so much that is younger than the cursor will not meet it any more.
const skippedBytes = 1024 * 1024
type Stream = EngineFrame['stream']
type Mode = 'deliver' | 'search' | 'younger-only' | 'shown-again'

/** A position after `cursor`, or at the beginning. The engine rotates the log at `fileBytes`. */
export function logPosition(
  containerId: string,
  cursor: LogCursor | undefined,
  fileBytes = 10_000_000,
): LogPosition {
  const jumpMs = fileBytes / bytesPerMs
  let last: { ts: string; ordinal: number } | undefined = cursor
  // Whether times have been seen to rise in this log; a clock that was set back makes them useless for shortcuts.
  let timesRise = true
  let readAllNext = false
  let resumed = cursor !== undefined
  let notHeld = false
  let lost = false
  let count: number | undefined = cursor ? undefined : 0
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
  const shown = shownTimes()
  let delivered = 0
  let skipped = 0
  // What a tail begins with may be the rest of frames of one time: their ordinals are not known.
  let unsure: string | undefined
  let isTail = false

  function begin(kind: 'held' | 'live' | 'tail'): ReturnType<LogPosition['begin']> {
    live = kind !== 'held'
    isTail = kind === 'tail'
    unsure = undefined
    skipped = 0
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
    if (count !== undefined) count++
    delivered++
    shown.note(frame.ts)
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
    if (frame.ts === at.ts && frame.ordinal === at.ordinal && frame.ts !== unsure) {
      mode = 'deliver'
      resumed = false
      readAllNext = false
      if (trust === 'doubtful') trust = 'sound'
      for (const seen of latest.values()) note(seen)
      return false
    }
    if (frame.ts <= at.ts) return false
    const far = Date.parse(frame.ts) - Date.parse(at.ts) > skewMs
    if (isTail && isFirst) trust = 'too-late'
    else if (live) {
      skipped += frame.text.length
      trust = (far && timesRise) || skipped > skippedBytes ? 'broken' : 'doubtful'
    }
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

  /**
   * Shown again from a file's beginning, or written by a clock that was set back: a time that was seen before proves
   * the first, for times have nanoseconds. Else only the file as a whole tells.
   */
  function goBack(frame: EngineFrame): void {
    const earlier = frame.ts < (latest.get(frame.stream) as EngineFrame).ts
    readAllNext ||= earlier
    trust = earlier && delivered > sampleEvery ? 'doubtful' : 'broken'
    mode = 'shown-again'
    skipped = 0
  }

  function proveShownAgain(frame: EngineFrame): void {
    // What begins in the newest file comes to the newest frame soon.
    const proven = shown.has(frame.ts) || latest.get(frame.stream)?.ts === frame.ts
    if (proven) readAllNext = false
    if (proven || ++skipped > sampleEvery) trust = 'broken'
  }

  /** Looks at a frame for signs that a live pass cannot be trusted. */
  function distrust(frame: EngineFrame, arrivedAt: number): void {
    const back = goesBack(frame)
    if (mode === 'deliver' && back) goBack(frame)
    if (mode === 'shown-again') proveShownAgain(frame)
    else if (mode === 'deliver') {
      if (jumps(frame, arrivedAt)) trust = 'broken'
    } else if (back && timesRise) {
      readAllNext = true
      trust = 'broken'
    }
  }

  const isBroken = () => trust === 'broken' || trust === 'too-late'

  function takeOne(frame: EngineFrame, arrivedAt: number): LogFrame | undefined {
    if (isBroken()) return undefined
    if (live) distrust(frame, arrivedAt)
    else if (goesBack(frame)) timesRise = false
    if (isBroken() || mode === 'shown-again') return undefined
    const isFirst = first
    first = false
    if (isFirst && isTail) unsure = frame.ts
    latest.set(frame.stream, frame)
    const { ts, stream, text, partial } = frame
    const numbered = { containerId, ordinal: ordinals.next(frame), ts, stream, text, partial }
    if (mode === 'younger-only' && frame.ts > (last as { ts: string }).ts) goOnAfterLoss()
    else if (mode !== 'deliver' && !(mode === 'search' && search(numbered, isFirst))) return undefined
    return deliver(numbered)
  }

  function take(frames: EngineFrame[], arrivedAt: number): LogFrame[] {
    const taken: LogFrame[] = []
    for (const frame of frames) {
      const one = takeOne(frame, arrivedAt)
      if (one) taken.push(one)
    }
    return taken
  }

  return {
    begin,
    take: (frames, arrivedAt = Date.now()) => take(frames, arrivedAt),
    missed() {
      notHeld = mode === 'search'
      return notHeld
    },
    trust: () => trust,
    isShorterThan: (frames) => count !== undefined && count < frames,
    ageMs: (now = Date.now()) => (last ? Math.max(0, now - Date.parse(last.ts)) : 0),
    mustReadAll: () => readAllNext,
    newest: () =>
      [...latest.values()]
        .map((frame) => frame.ts)
        .concat(last?.ts ?? [])
        .sort()
        .at(-1),
  }
}
