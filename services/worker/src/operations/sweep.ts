import { dueOperations } from '@nora/db/leases'
import type { DB } from '@nora/db/schema'
import type { Kysely } from 'kysely'
import type { InFlight } from './in-flight.ts'

const batch = 100

/**
 * One look at what is due: pending operations whose ring was lost, released ones whose time has come, and those of
 * workers that died. They are begun here and not rung for, so that it works while Redis is gone, too.
 */
export async function sweep(db: Kysely<DB>, work: InFlight): Promise<void> {
  for (const operationId of await dueOperations(db, batch)) work.offer(operationId)
}
