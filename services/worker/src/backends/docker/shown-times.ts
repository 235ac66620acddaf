/**
 * Remembers when frames of a log were written, so that one shown again is known by its time, which has nanoseconds: of
 * any 2,048 frames in a row that were noted, as many as a file of 32 MB can hold, at least one; of the newest 4,096, one
 * in 32, for what is shown again may have begun just now.
 */
export type ShownTimes = { note(ts: string): void; has(ts: string): boolean }

/** A run of frames that is shown again and is longer than this holds a time that was remembered. */
export const sampleEvery = 2048
const mostSamples = 220
const closeEvery = 32
const mostClose = (2 * sampleEvery) / closeEvery

export function shownTimes(): ShownTimes {
  const samples = new Set<string>()
  const close = new Set<string>()
  let noted = 0
  return {
    note(ts) {
      if (noted % sampleEvery === 0) remember(samples, ts, mostSamples)
      if (noted % closeEvery === 0) remember(close, ts, mostClose)
      noted++
    },
    has: (ts) => samples.has(ts) || close.has(ts),
  }
}

function remember(times: Set<string>, ts: string, most: number): void {
  times.add(ts)
  if (times.size > most) times.delete(times.values().next().value as string)
}
