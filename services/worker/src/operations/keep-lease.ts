import { type LeasedOperation, renewOperation } from '@nora/db/leases'
import type { DB } from '@nora/db/schema'
import type { Kysely } from 'kysely'

/** The clocks of a lease, in their order: a holder renews, gives itself up, and only then may another take over. */
export const leaseClocks = { heartbeatMs: 2_000, abortMs: 4_000, leaseMs: 6_000 }

export type KeptLease = {
  /** Aborts when the lease can no longer be proven: the holder stops at once and writes nothing more. */
  lost: AbortSignal
  /** Aborts when somebody asked to cancel the operation. */
  cancelled: AbortSignal
  /** A transaction of this operation saw that it is to be cancelled. */
  noteCancel(): void
  /** Renews now instead of at the next beat, so that a cancel is seen at once. */
  poke(): void
  stop(): void
}

/**
 * Renews a lease by its own timer, also while a step runs. The 4 s count from the moment the last successful renewal
 * was sent, not from its answer, so that they end before the 6 s in Postgres do.
 */
export function keepLease(
  db: Kysely<DB>,
  operation: LeasedOperation,
  leasedAt: number,
  clocks = leaseClocks,
): KeptLease {
  const lost = new AbortController()
  const cancelled = new AbortController()
  let stopped = false
  let renewing = false
  let beat: NodeJS.Timeout | undefined
  let doom: NodeJS.Timeout | undefined

  const loseAfter = (sentAt: number) => {
    clearTimeout(doom)
    const left = Math.max(0, sentAt + clocks.abortMs - performance.now())
    doom = setTimeout(() => lose('the lease could not be renewed in time'), left)
  }
  const lose = (why: string) => {
    if (stopped) return
    stop()
    lost.abort(new Error(why))
  }
  const stop = () => {
    stopped = true
    clearTimeout(beat)
    clearTimeout(doom)
  }
  const renew = async () => {
    if (renewing || stopped) return
    renewing = true
    clearTimeout(beat)
    const sentAt = performance.now()
    try {
      const renewed = await renewOperation(db, operation.actor, clocks.leaseMs)
      if (stopped) return
      if (!renewed) return lose('the lease is lost')
      if (renewed.cancelRequested) cancelled.abort(new Error('cancelled'))
      loseAfter(sentAt)
    } catch {
      // The database did not answer: the next beat tries again, and the doom timer ends it when none succeeds.
    } finally {
      renewing = false
      if (!stopped) beat = setTimeout(() => void renew(), clocks.heartbeatMs)
    }
  }

  if (operation.cancelRequested) cancelled.abort(new Error('cancelled'))
  loseAfter(leasedAt)
  beat = setTimeout(() => void renew(), clocks.heartbeatMs)
  const noteCancel = () => cancelled.abort(new Error('cancelled'))
  return { lost: lost.signal, cancelled: cancelled.signal, noteCancel, poke: () => void renew(), stop }
}
