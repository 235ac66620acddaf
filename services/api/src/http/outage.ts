/** SQLSTATE classes that mean the database is not there for us now: connection, resources, operator, lock and statement limits. */
const outageStates = /^(08|53|57P0|57014|55P03|25P03)/
const outageCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENOTFOUND',
])
const outageMessages = [
  'timeout exceeded when trying to connect',
  'Connection terminated',
  'Client has encountered a connection error',
]

/** Whether something outside (Postgres, Redis, the password hasher's queue) failed to serve us, rather than our own code. */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error ? String(error.code) : ''
  if (error.name === 'TimeoutError') return true // a deadline of ours (AbortSignal.timeout) passed: too much is waiting
  if (outageCodes.has(code) || outageStates.test(code) || code === 'busy') return true
  if (error instanceof AggregateError) return error.errors.some(isOutage)
  return outageMessages.some((text) => error.message.startsWith(text))
}

/**
 * Data exceptions that only a caller's text can cause: a NUL or a broken character, an impossible number or date.
 * The edge refuses those it knows; this is the net below it.
 */
export function isUnstorableInput(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false
  return ['22021', '22P02', '22P05', '22003', '22007', '22008'].includes(String(error.code))
}

/** Whether the caller's workspace went while they were writing into it: its row is what the new one's foreign key misses. */
export function isWorkspaceGone(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error) || !('constraint' in error)) return false
  return error.code === '23503' && String(error.constraint).endsWith('_workspace_id_fkey')
}
