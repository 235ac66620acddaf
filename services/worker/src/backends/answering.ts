import { BackendError } from './backend.ts'

/**
 * Asks the engine something that is due within `ms`, and ends with the signal (throws its reason) even when what it waits
 * for does not listen to it. BackendError `timeout` in words that people know from an engine that is gone.
 */
export async function answering<T>(
  ms: number,
  over: AbortSignal,
  ask: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = AbortSignal.timeout(ms)
  const signal = AbortSignal.any([over, late])
  try {
    return await orAborted(ask(signal), signal)
  } catch (error) {
    over.throwIfAborted()
    if (!late.aborted) throw error
    const words = `The Docker Engine does not answer (nothing came within ${ms / 1000} s). Is it running?`
    throw new BackendError('timeout', words, { retry: true, cause: error })
  }
}

/** A promise that ends with the signal even when what it waits for does not listen to it. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
