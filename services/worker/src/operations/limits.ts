import type { Action } from '../reconcile/plan.ts'

/** The longest a step may take, in milliseconds; afterwards it is tried again with that reason. */
export const stepDeadlineMs: Record<Action, number> = {
  'ensure-image': 10 * 60_000,
  'ensure-network': 30_000,
  'ensure-storage': 60_000,
  'deliver-keys': 30_000,
  'ensure-container': 30_000,
  start: 70_000,
  'attach-gateway': 60_000,
  route: 15_000,
  'await-healthy': 10_000,
  'reload-keys': 15_000,
  'restore-name': 15_000,
  'record-crash': 15_000,
  // Ten seconds of grace, then the engine's own time to kill.
  stop: 50_000,
  // Its log's tail is waited for, 30 s at the most.
  'remove-container': 60_000,
  'remove-network': 30_000,
  'remove-storage': 60_000,
  'remove-keys': 15_000,
}

/**
 * Two creates at once are the knee on two cores (measured: 4.5, 8.2, 8.4 and 8.7 a second with 1, 2, 4 and 8 at once);
 * more only make each of them slower.
 */
const creating: readonly Action[] = ['ensure-network', 'ensure-container', 'start']
/** Steps that only wait, or talk to the gateway: they hold nobody up. */
const unbounded: readonly Action[] = ['await-healthy', 'route', 'record-crash']

export type Turnstile = <T>(signal: AbortSignal, run: () => Promise<T>) => Promise<T>
export type Turnstiles = { of(action: Action): Turnstile; isFull(action: Action): boolean }

/** Bounds how many engine calls run at once: `creates` of the heavy kind, `others` of the rest. */
export function turnstiles(limits: { creates: number; others: number }): Turnstiles {
  const heavy = turnstile(limits.creates)
  const light = turnstile(limits.others)
  const pick = (action: Action) => (creating.includes(action) ? heavy : light)
  return {
    of: (action) => (unbounded.includes(action) ? (_, run) => run() : pick(action).pass),
    isFull: (action) => !unbounded.includes(action) && pick(action).isFull(),
  }
}

function turnstile(limit: number): { pass: Turnstile; isFull: () => boolean } {
  let inside = 0
  const waiting: (() => void)[] = []
  const enter = (signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      if (inside < limit) {
        inside++
        return resolve()
      }
      const next = () => {
        signal.removeEventListener('abort', leave)
        inside++
        resolve()
      }
      const leave = () => {
        waiting.splice(waiting.indexOf(next), 1)
        reject(signal.reason)
      }
      signal.addEventListener('abort', leave, { once: true })
      waiting.push(next)
    })
  return {
    isFull: () => inside >= limit,
    async pass(signal, run) {
      await enter(signal)
      try {
        return await run()
      } finally {
        inside--
        waiting.shift()?.()
      }
    },
  }
}
