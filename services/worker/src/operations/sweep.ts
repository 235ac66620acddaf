import { dueOperations } from '@nora/db/leases'
import type { DB } from '@nora/db/schema'
import type { Kysely } from 'kysely'
import type { InFlight } from './in-flight.ts'

const batch = 100

/**
 * One look at what is due: pending operations whose ring was lost, released ones whose time has come, and those of
 * workers that died. They are begun here and not rung for, so that it works while Redis is gone, too. Gives when the
 * next one falls due, in milliseconds, if that is within `aheadMs`.
 */
export async function sweep(db: Kysely<DB>, work: InFlight, aheadMs: number): Promise<number | undefined> {
  const due = await dueOperations(db, batch, aheadMs)
  for (const { id, dueInMs } of due) if (dueInMs === 0) work.offer(id)
  return due.find(({ dueInMs }) => dueInMs > 0)?.dueInMs
}
