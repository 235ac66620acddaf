import { BackendError, type BackendErrorCode } from '../backend.ts'

type EngineFailure = { statusCode?: number; code?: string; message?: string }

/** The HTTP status with which the engine answered, also of an error that `toBackendError` made of it. */
export function engineStatus(error: unknown): number | undefined {
  const status = (error as EngineFailure | undefined)?.statusCode
  if (status !== undefined) return status
  return error instanceof BackendError && error.cause !== undefined ? engineStatus(error.cause) : undefined
}

const unreachable = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EACCES',
  'EPERM',
  'EPIPE',
  'ENOTSOCK',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_SOCKET_CLOSED',
])

/**
 * Turns what dockerode throws into a `BackendError` whose message a person can act on. `doing` completes "while ...".
 * The engine says most things only in words: these patterns are those of Engine 20.10 to 28.
 */
export function toBackendError(error: unknown, doing: string): BackendError {
  if (error instanceof BackendError) return error
  const failure = (error ?? {}) as EngineFailure
  const words = engineWords(error)
  if (failure.statusCode === undefined) {
    const gone = unreachable.has(failure.code ?? '') || /socket hang up|aborted/.test(words)
    return gone
      ? new BackendError('engine-unavailable', unavailable(failure.code, words), {
          retry: true,
          cause: error,
        })
      : new BackendError('engine-error', `Failed while ${doing}: ${words}`, { retry: true, cause: error })
  }
  const code = codeOf(failure.statusCode, words)
  const retry = failure.statusCode >= 500 && (code === 'engine-error' || code === 'image-pull-failed')
  // 409: the engine is in the middle of something with this object.
  const busy = failure.statusCode === 409
  return new BackendError(code, sentence(code, doing, words), { retry: retry || busy, cause: error })
}

function unavailable(code: string | undefined, words: string): string {
  const reason =
    code === 'EACCES' || code === 'EPERM'
      ? 'this process may not open its socket'
      : code === 'ENOENT'
        ? 'its socket does not exist'
        : words
  return `The Docker Engine does not answer (${reason}). Is it running?`
}

const patterns: [RegExp, BackendErrorCode][] = [
  // An engine that is killed while it starts a container leaves containerd a task of that id, which nothing it offers removes.
  [/^task [0-9a-f]{64}: already exists/i, 'container-spoilt'],
  [/no such image/i, 'image-not-found'],
  [/pool overlaps|networks have (overlapping|same bridge)|address already in use/i, 'network-conflict'],
  [/could not find an available|no available ipv4|requested address .* is not/i, 'network-conflict'],
  [/minimum memory limit|range of cpus|memory limit too low|oom-killed/i, 'resources-refused'],
  [/nanocpus|cpus available|shm.?size|pids.?limit/i, 'resources-refused'],
  [/executable file not found|exec format error|no such file or directory: unknown/i, 'container-invalid'],
  [/unable to start container process|permission denied: unknown|unable to find user/i, 'container-invalid'],
  [/oci runtime create failed|invalid mount|bind source path does not exist/i, 'container-invalid'],
]

function codeOf(status: number, words: string): BackendErrorCode {
  const found = patterns.find(([pattern]) => pattern.test(words))
  if (found) return found[1]
  if (status === 404) return 'not-found'
  return status === 400 ? 'container-invalid' : 'engine-error'
}

function sentence(code: BackendErrorCode, doing: string, words: string): string {
  if (code === 'network-conflict') {
    return (
      `The agent's network cannot be made: ${words}. ` +
      `Another network uses these addresses: remove it, or set NORA_AGENT_NETWORK_POOL to a free block.`
    )
  }
  if (code === 'resources-refused') return `The engine refuses these limits: ${words}`
  if (code === 'container-invalid') return `The container cannot run: ${words}`
  return `The engine refused while ${doing}: ${words}`
}

/** The engine's own words without dockerode's frame around them, at most 600 characters on one line. */
export function engineWords(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text
    .replace(/^\(HTTP code \d+\) [^-]* - /, '')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, 600)
}
