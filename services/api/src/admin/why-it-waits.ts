import type { QueueRow } from '@nora/db/admin-queue'

/** A worker renews its leases of 6 s every 2 s: one that is older than this was missed. */
const renewedWithinMs = 3_500
const leaseMs = 6_000

/**
 * In a person's words why an operation has not ended yet, or how it failed. Pure.
 * @param workers how many are alive, @param now in milliseconds since 1970.
 */
export function whyItWaits(row: QueueRow, workers: number, now: number): string {
  if (row.status === 'failed') return row.reason
  return row.status === 'leased' ? whyLeased(row, workers, now) : whyPending(row, workers, now)
}

function whyPending(row: QueueRow, workers: number, now: number): string {
  if (row.behindId !== null) return `behind the ${row.behindKind} ${row.behindId} of the same agent`
  const nobody = 'due, and no worker is alive'
  if (row.cancelRequestedAt !== null) return workers === 0 ? nobody : 'cancelled: a worker undoes it next'
  if (row.notBefore.getTime() > now) return `backing off until ${row.notBefore.toISOString()}: ${row.reason}`
  return workers === 0 ? nobody : 'due: waiting for a worker with room'
}

function whyLeased(row: QueueRow, workers: number, now: number): string {
  const worker = `worker ${row.workerId}`
  const left = (row.leaseUntil?.getTime() ?? now) - now
  if (left <= 0) {
    const next = workers === 0 ? 'no worker is alive' : 'another takes it over'
    return `${worker} is dead; its lease has ended, and ${next}`
  }
  if (left < leaseMs - renewedWithinMs) {
    return `${worker} does not renew its lease, which ends in ${Math.ceil(left / 1000)} s`
  }
  if (row.cancelRequestedAt !== null) return `cancelled: ${worker} is undoing it (${row.reason})`
  if (row.reason.startsWith('waiting for its turn'))
    return `${row.reason}; ${worker} has as many at once as it may`
  if (row.step === null || row.stepAt === null) return `${worker} has taken it up`
  const seconds = Math.max(0, Math.round((now - row.stepAt.getTime()) / 1000))
  return `${worker} is at step ${row.step} for ${seconds} s (${row.reason}); lease until ${row.leaseUntil!.toISOString()}`
}
