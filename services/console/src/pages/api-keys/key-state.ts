const dayMs = 86_400_000
const soonDays = 14

export type KeyState = 'works' | 'soon' | 'over'

/** Whether a key works, will end within two weeks, or has ended. */
export function keyState(expiresAt: string, now: number): KeyState {
  const left = new Date(expiresAt).getTime() - now
  if (left <= 0) return 'over'
  return left <= soonDays * dayMs ? 'soon' : 'works'
}

/**
 * When a key that is made now shall end; undefined leaves it to the server, whose own time is `usual` days. A minute less than a
 * whole number of days, so that clocks which differ a little do not make it too long.
 */
export function endAfter(days: number, usual: number, now: number): string | undefined {
  return days === usual ? undefined : new Date(now + days * dayMs - 60_000).toISOString()
}
