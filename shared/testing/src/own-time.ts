import { setTimeout as delay } from 'node:timers/promises'

const everyMs = 50

/**
 * How many milliseconds something takes of its own. An idle caller runs beside it, that sets a short timer and then asks `beside` for
 * something small, and does so a few times more once it is over. What a round took longer than the quickest of them, this process, the
 * machine or the server asked stood still or was busy with others, and it does not count; what such a round always takes does. What waits
 * too long on a quiet machine is still seen to. `beside` must not ask what is measured: its standing still would be taken off as well.
 */
export async function ownMs(
  run: () => Promise<unknown>,
  beside: () => Promise<unknown> = () => Promise.resolve(),
): Promise<number> {
  const rounds: { since: number; until: number }[] = []
  const round = async () => {
    const since = performance.now()
    await delay(everyMs)
    await beside()
    rounds.push({ since, until: performance.now() })
  }
  let over = false
  const idle = (async () => {
    while (!over) await round()
  })()
  const began = performance.now()
  let ended: number
  try {
    await run()
  } finally {
    ended = performance.now()
    over = true
    await idle
  }
  for (let more = 0; more < 3; more++) await round()
  const quickest = Math.min(...rounds.map(({ since, until }) => until - since))
  const late = rounds.map(({ since, until }) => Math.max(0, Math.min(until, ended) - since - quickest))
  return late.reduce((own, ms) => own - ms, ended - began)
}

/** The least processor time of this thread, in milliseconds, that something took in five rounds: a neighbour can only add to it. */
export function leastCpuMs(run: () => unknown): number {
  const rounds = Array.from({ length: 5 }, () => {
    const before = process.threadCpuUsage()
    run()
    const { user, system } = process.threadCpuUsage(before)
    return (user + system) / 1_000
  })
  return Math.min(...rounds)
}

/**
 * Watches from now on for how long this process, or the machine, stands still in one piece; with `beside`, which asks a server for
 * something small, also for how long that server does.
 */
export function watchStalls(beside: () => Promise<unknown> = () => Promise.resolve()): {
  longestMs(): number
  stop(): void
} {
  let longest = 0
  let over = false
  let last = performance.now()
  const look = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
  }
  const watch = async () => {
    while (!over) {
      await delay(10)
      // One that fails is for the test to see.
      await beside().catch(() => undefined)
      look()
    }
  }
  void watch()
  return {
    longestMs() {
      look()
      return longest
    },
    stop: () => {
      over = true
    },
  }
}

/**
 * Does something that has to be quick, and again when it failed while this process, the machine or the server that `beside` asks stood
 * still for longer than `mostMs` in one piece; a failure without such a stall is the failure of the test, and so is the last of five, and
 * one of which `isLate` says that no lateness makes it.
 */
export async function withoutStall<T>(
  mostMs: number,
  attempt: () => Promise<T>,
  beside?: () => Promise<unknown>,
  isLate: (error: unknown) => boolean = () => true,
): Promise<T> {
  for (let left = 4; ; left--) {
    const stalls = watchStalls(beside)
    try {
      return await attempt()
    } catch (error) {
      if (stalls.longestMs() < mostMs || left === 0 || !isLate(error)) throw error
    } finally {
      stalls.stop()
    }
  }
}
