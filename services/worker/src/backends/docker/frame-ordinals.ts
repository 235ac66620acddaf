import type { EngineFrame } from './log-frames.ts'

const remembered = 1024

/** Counts frames of the same timestamp, also when others lie between them; forgets times long past. */
export function ordinalCounter(): { next(frame: EngineFrame): number } {
  const counts = new Map<string, number>()
  const open = new Map<EngineFrame['stream'], string>()
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
