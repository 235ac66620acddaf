import { trimLogs } from '@nora/db/log-chunks'
import type { DB } from '@nora/db/schema'
import type { Kysely } from 'kysely'

/** Chunks of one transaction: about 50 MB at the most, and well within a statement's time. */
const chunksAtOnce = 2_000
const mostRounds = 50

/**
 * Removes what all agents' logs hold beyond the installation's limits, the oldest of whoever holds most first; gives how much
 * went. Bounded: what is left is for the next call.
 */
export async function trimAllLogs(
  db: Kysely<DB>,
  limits: { totalBytes: number; keptDays: number },
  signal: AbortSignal,
): Promise<{ chunks: number; bytes: number }> {
  const { totalBytes, keptDays: maxAgeDays } = limits
  const gone = { chunks: 0, bytes: 0 }
  for (let round = 0; round < mostRounds && !signal.aborted; round++) {
    const { chunks, bytes } = await trimLogs(db, { totalBytes, maxAgeDays, chunks: chunksAtOnce })
    if (chunks === 0) break
    gone.chunks += chunks
    gone.bytes += bytes
  }
  return gone
}
