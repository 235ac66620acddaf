const firstMs = 1_000
const mostMs = 5 * 60_000
const healthyMs = 10 * 60_000

/** How long after the last of `count` failures in a row the next try may begin: 1 s, doubling, at most 5 minutes. */
export function retryDelayMs(count: number): number {
  return count <= 0 ? 0 : Math.min(mostMs, firstMs * 2 ** Math.min(count - 1, 20))
}

/** Failures in a row after one more crash: a program that had run for 10 minutes starts counting afresh. */
export function crashCount(before: number, ranForMs: number): number {
  return ranForMs >= healthyMs ? 1 : before + 1
}
