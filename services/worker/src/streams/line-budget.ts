/** A bucket of lines: it fills with `perSecond` up to `burst`. */
export type LineBudget = {
  /** Takes lines out; the bucket may go below zero. */
  spend(lines: number): void
  /** Milliseconds until there is a reserve of at least `seconds` of the rate; 0 when there is something left now. */
  waitMs(seconds: number): number
}

export function lineBudget(
  limits: { perSecond: number; burst: number },
  clock: () => number = () => performance.now(),
): LineBudget {
  let left = limits.burst
  let at = clock()
  const refill = () => {
    const now = clock()
    left = Math.min(limits.burst, left + ((now - at) / 1000) * limits.perSecond)
    at = now
  }
  return {
    spend(lines) {
      refill()
      left -= lines
    },
    waitMs(seconds) {
      refill()
      if (left > 0) return 0
      const wanted = Math.min(limits.burst, seconds * limits.perSecond)
      return Math.ceil(((wanted - left) / limits.perSecond) * 1000)
    },
  }
}
