import type { Operation } from '@nora/contract/operations'
import type { Calls } from './calls.ts'

export type Verdict = { outcome: 'works' | 'refused' | 'failed' | 'late'; reason: string }

const waitMs = 60_000
const pauseMs = 700

/** Has a credential tried and waits for the outcome, for a minute at the most. Throws what the calls throw. */
export async function tryCredential(
  calls: Pick<Calls, 'startTest' | 'operation'>,
  id: string,
  signal: AbortSignal,
  { deadlineMs = waitMs, everyMs = pauseMs } = {},
): Promise<Verdict> {
  const until = Date.now() + deadlineMs
  let operation = await calls.startTest(id, signal)
  while (!verdictOf(operation) && Date.now() < until) {
    await pause(everyMs, signal)
    operation = await calls.operation(id, operation.id, signal)
  }
  return (
    verdictOf(operation) ?? { outcome: 'late', reason: `${sentence(operation.reason)} Try it again later.` }
  )
}

/** How a test ended; undefined while it has not. */
export function verdictOf({ status, result, reason, error }: Operation): Verdict | undefined {
  if (status === 'queued' || status === 'running') return undefined
  const outcome = result?.['outcome']
  if (status === 'succeeded' && (outcome === 'works' || outcome === 'refused')) {
    const why = result?.['reason']
    return { outcome, reason: sentence(typeof why === 'string' ? why : reason) }
  }
  return { outcome: 'failed', reason: sentence(error?.message ?? reason) }
}

const sentence = (text: string) => (text === '' || /[.?!]$/.test(text) ? text : `${text}.`)

const pause = (ms: number, signal: AbortSignal) =>
  new Promise<void>((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop)
      resolve()
    }, ms)
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
