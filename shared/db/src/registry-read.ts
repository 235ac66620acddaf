import { type Kysely, sql } from 'kysely'
import type { DB } from './schema.ts'

/**
 * Workers that have been seen within `freshSeconds`, the freshest first: where the api sends streams, and which keys they
 * open with (`kid8`: the current one; `opens`: the ids of all, eight bytes each).
 */
export async function liveWorkers(db: Kysely<DB>, freshSeconds: number) {
  return db
    .selectFrom('workers')
    .select(['id', 'kid8', 'opens', 'internal_url as internalUrl', 'last_seen_at as lastSeenAt'])
    .where('last_seen_at', '>', sql<Date>`now() - make_interval(secs => ${freshSeconds})`)
    .orderBy('last_seen_at', 'desc')
    .execute()
}
