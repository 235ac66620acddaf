import type { Logger } from '@nora/log/logger'
import type { Outcome } from './finish.ts'
import type { KeptLease } from './keep-lease.ts'

export type InFlight = {
  /** Begins to run the operation, unless this worker does so already or has no room. True: it was begun. */
  offer(operationId: string): boolean
  /** Resolves when there is room for one more, at the latest when the signal aborts. */
  room(signal: AbortSignal): Promise<void>
  /** Renews every lease at once, so that a cancel is seen now and not at the next beat. */
  pokeAll(): void
  count(): number
  /** Resolves when nothing runs any more. */
  drained(): Promise<void>
}

type RunOne = (
  operationId: string,
  stop: AbortSignal,
  onLease: (lease: KeptLease) => void,
) => Promise<Outcome>

/**
 * The operations that this worker runs now, at most `limit`. `onEnd` hears of every end, since it may have made another
 * operation of the same agent due.
 */
export function inFlight(options: {
  limit: number
  stop: AbortSignal
  log: Logger
  run: RunOne
  onEnd: (outcome: Outcome) => void
}): InFlight {
  const { limit, stop, log } = options
  const running = new Map<string, { lease?: KeptLease; ended: Promise<void> }>()
  let waiters: (() => void)[] = []

  const runOne = async (operationId: string) => {
    let outcome: Outcome = 'lost'
    try {
      outcome = await options.run(operationId, stop, (lease) => {
        const entry = running.get(operationId)
        if (entry) entry.lease = lease
      })
      if (outcome !== 'not-leased') log.info({ operationId, outcome }, 'operation left')
    } catch (error) {
      // Its lease ends by itself; the sweeper then gives it to whoever has room.
      if (!stop.aborted) log.error({ err: error, operationId }, 'an operation broke off')
    } finally {
      running.delete(operationId)
      for (const waiter of waiters.splice(0)) waiter()
      options.onEnd(outcome)
    }
  }

  return {
    offer(operationId) {
      if (stop.aborted || running.has(operationId) || running.size >= limit) return false
      const entry: { lease?: KeptLease; ended: Promise<void> } = { ended: Promise.resolve() }
      running.set(operationId, entry)
      entry.ended = runOne(operationId)
      return true
    },
    async room(signal) {
      while (running.size >= limit && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const wake = () => {
            signal.removeEventListener('abort', wake)
            resolve()
          }
          waiters.push(wake)
          signal.addEventListener('abort', wake, { once: true })
        })
      }
    },
    pokeAll() {
      for (const { lease } of running.values()) lease?.poke()
    },
    count: () => running.size,
    async drained() {
      waiters = []
      await Promise.all([...running.values()].map((entry) => entry.ended))
    },
  }
}
