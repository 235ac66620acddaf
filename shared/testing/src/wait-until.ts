/**
 * Waits until `probe` gives something truthy and returns it; tests wait for conditions, never for time. Throws after
 * `deadlineMs` with `what` and the last error or value seen.
 */
export async function waitUntil<T>(
  what: string,
  probe: () => T | Promise<T>,
  options: { deadlineMs?: number; everyMs?: number } = {},
): Promise<NonNullable<T>> {
  const deadline = Date.now() + (options.deadlineMs ?? 30_000)
  let last: unknown
  for (;;) {
    try {
      const value = await probe()
      if (value) return value as NonNullable<T>
      last = value
    } catch (error) {
      last = error
    }
    if (Date.now() > deadline) {
      throw new Error(
        `waited in vain for ${what}; last seen: ${last instanceof Error ? last.stack : JSON.stringify(last)}`,
      )
    }
    await new Promise((resolve) => setTimeout(resolve, options.everyMs ?? 25))
  }
}
