import type Docker from 'dockerode'
import { BackendError } from '../backend.ts'
import { engineStatus, toBackendError } from './errors.ts'

/** What a backend logs with: the part of pino's interface that it uses. */
export type BackendLog = {
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
}

export type Engine = {
  docker: Docker
  installation: string
  /** NORA_AGENT_NETWORK_POOL, for what people are told; the target brings its addresses. */
  pool: string
  log: BackendLog
  call: EngineCall
}

export type CallOptions = {
  /** Default 30 000. */
  deadlineMs?: number
  /** HTTP statuses that are no errors: the call gives undefined. */
  ignore?: number[]
}

/**
 * One bounded call to the engine. `doing` completes "while ..." in messages. Ends by the signal (throws its reason),
 * by the deadline (`timeout`, retry) or with the answer; every other error becomes a `BackendError`.
 */
export type EngineCall = {
  <T>(
    doing: string,
    signal: AbortSignal,
    run: (abortSignal: AbortSignal) => Promise<T>,
    options: CallOptions & { ignore: number[] },
  ): Promise<T | undefined>
  <T>(
    doing: string,
    signal: AbortSignal,
    run: (abortSignal: AbortSignal) => Promise<T>,
    options?: CallOptions,
  ): Promise<T>
}

export const engineCall: EngineCall = async <T>(
  doing: string,
  signal: AbortSignal,
  run: (abortSignal: AbortSignal) => Promise<T>,
  options: CallOptions = {},
): Promise<T> => {
  signal.throwIfAborted()
  const deadlineMs = options.deadlineMs ?? 30_000
  const deadline = AbortSignal.timeout(deadlineMs)
  try {
    const bounded = AbortSignal.any([signal, deadline])
    // dockerode forgets the signal in some of its calls: the wait ends in any case.
    return await Promise.race([run(bounded), rejectOnAbort(bounded)])
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (deadline.aborted && engineStatus(error) === undefined) {
      const seconds = Math.round(deadlineMs / 1000)
      const message = `The Docker Engine did not finish within ${seconds} s while ${doing}.`
      throw new BackendError('timeout', message, { retry: true, cause: error })
    }
    const status = engineStatus(error)
    // Only the overload with `ignore` gives undefined.
    if (status !== undefined && options.ignore?.includes(status)) return undefined as T
    throw toBackendError(error, doing)
  }
}

/** Waits, but not longer than the signal lives; throws its reason. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const finish = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    }
    const abort = () => {
      finish()
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      finish()
      resolve()
    }, ms)
    signal.addEventListener('abort', abort, { once: true })
  })
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

/**
 * Creates a container: its name in the query and all else in the body. dockerode alone would write the whole of it into the
 * query too, environment and all.
 */
export function createContainer(
  docker: Docker,
  { name, ...body }: Docker.ContainerCreateOptions,
  abortSignal: AbortSignal,
): Promise<Docker.Container> {
  const options = { _query: { name }, _body: body, abortSignal } as Docker.ContainerCreateOptions
  return docker.createContainer(options)
}

/** One GET with the signal, for what dockerode asks without it (images, networks) and streams it would collect. */
export function dial<T>(
  engine: Engine,
  request: { path: string; query?: Record<string, unknown>; stream?: boolean },
  abortSignal: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const statusCodes = { 200: true, 404: 'not found', 409: 'conflict', 500: 'server error' }
    engine.docker.modem.dial(
      {
        path: `${request.path}?`,
        method: 'GET',
        isStream: request.stream === true,
        options: request.query ?? {},
        abortSignal,
        statusCodes,
      },
      (error, data) => (error ? reject(error) : resolve(data as T)),
    )
  })
}
