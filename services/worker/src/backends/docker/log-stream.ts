import type { Readable } from 'node:stream'
import { dial, type Engine } from './engine.ts'
import { toBackendError } from './errors.ts'

export type LogRequest = { follow: boolean; since?: string; tail?: number }

export type LogStream = {
  /** The next bytes; `silence` when none came within so many milliseconds (the wait goes on with the next call). */
  next(silenceMs: number | undefined): Promise<Buffer | 'end' | 'silence'>
  close(): void
}

/**
 * Opens the engine's log of a container as a stream that is read only when asked (dockerode collects a log that is
 * not followed into one buffer). Throws `BackendError`, or the signal's reason.
 */
export async function openLogStream(
  engine: Engine,
  containerId: string,
  request: LogRequest,
  signal: AbortSignal,
): Promise<LogStream> {
  const closing = new AbortController()
  const bounded = AbortSignal.any([signal, closing.signal])
  const body = await engine.call('opening the log', signal, (deadline) => {
    const opening = new AbortController()
    const abort = () => opening.abort()
    deadline.addEventListener('abort', abort, { once: true })
    // The deadline is for the answer to begin; afterwards only the caller ends the stream.
    return openBody(engine, containerId, request, AbortSignal.any([bounded, opening.signal])).finally(() =>
      deadline.removeEventListener('abort', abort),
    )
  })
  const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  let waiting: Promise<IteratorResult<Buffer>> | undefined

  return {
    async next(silenceMs) {
      waiting ??= chunks.next()
      try {
        const result = await within(waiting, silenceMs)
        if (result === 'silence') return 'silence'
        waiting = undefined
        return result.done ? 'end' : result.value
      } catch (error) {
        if (signal.aborted) throw signal.reason
        throw toBackendError(error, 'reading the log')
      }
    },
    close() {
      // The read in flight ends with the abort; nobody waits for it any more.
      waiting?.catch(() => undefined)
      body.on('error', () => undefined)
      closing.abort()
      body.destroy()
    },
  }
}

function openBody(
  engine: Engine,
  containerId: string,
  request: LogRequest,
  abortSignal: AbortSignal,
): Promise<Readable> {
  const query = {
    stdout: 1,
    stderr: 1,
    timestamps: 1,
    follow: request.follow ? 1 : 0,
    ...(request.since === undefined ? {} : { since: request.since }),
    ...(request.tail === undefined ? {} : { tail: request.tail }),
  }
  const path = `/containers/${encodeURIComponent(containerId)}/logs`
  return dial<Readable>(engine, { path, query, stream: true }, abortSignal)
}

function within<T>(promise: Promise<T>, ms: number | undefined): Promise<T | 'silence'> {
  if (ms === undefined) return promise
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve('silence'), ms)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
