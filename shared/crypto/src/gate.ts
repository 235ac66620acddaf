import { SealError } from './errors.ts'

/** Runs tasks, a few at a time; the others wait in order. */
export type Gate = <T>(task: () => Promise<T>, signal?: AbortSignal) => Promise<T>

/**
 * A gate through which at most `concurrency` tasks run at once while at most `maxWaiting` wait.
 * Who gives up (its signal aborts) while waiting leaves the queue at once, with the signal's reason; a task that
 * has begun runs to its end.
 * The gate's promise rejects with SealError `busy` when the queue is full.
 */
export function createGate(concurrency: number, maxWaiting: number): Gate {
  const waiting = new Set<() => void>()
  let running = 0

  const enter = (signal: AbortSignal | undefined) =>
    new Promise<void>((resolve, reject) => {
      if (running < concurrency) {
        running++
        resolve()
        return
      }
      if (waiting.size >= maxWaiting) {
        reject(new SealError('busy', 'too many are waiting'))
        return
      }
      const onAbort = () => {
        waiting.delete(turn)
        reject(signal?.reason)
      }
      const turn = () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }
      waiting.add(turn)
      signal?.addEventListener('abort', onAbort, { once: true })
    })

  const leave = () => {
    const next = waiting.values().next().value
    if (!next) {
      running--
      return
    }
    waiting.delete(next) // the place is handed over, so `running` stays: nobody can slip in between
    next()
  }

  return async (task, signal) => {
    signal?.throwIfAborted()
    await enter(signal)
    try {
      return await task()
    } finally {
      leave()
    }
  }
}
