/** The last bytes of a terminal, for whoever comes back to it. */
export type Replay = { push(chunk: Buffer): void; contents(): Buffer }

/** Keeps the last `most` bytes, in memory of its own: a small chunk would else hold on to the large buffer it was cut from. */
export function replay(most: number): Replay {
  const ring = Buffer.alloc(most)
  let end = 0
  let held = 0
  return {
    push(chunk) {
      const kept = chunk.subarray(Math.max(0, chunk.length - most))
      const first = kept.copy(ring, end)
      kept.copy(ring, 0, first)
      end = (end + kept.length) % most
      held = Math.min(most, held + kept.length)
    },
    contents: () =>
      held < most
        ? Buffer.from(ring.subarray(0, held))
        : Buffer.concat([ring.subarray(end), ring.subarray(0, end)]),
  }
}
