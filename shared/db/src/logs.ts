import { sql } from 'kysely'
import type { Tx } from './actor.ts'

export type LogChunkRow = { first_seq: number; last_seq: number; generation: number; data: Buffer }

type Range = { agentId: string; generation?: number; limit: number }

const chunks = (tx: Tx, range: Range) => {
  const query = tx
    .selectFrom('log_chunks')
    .select(['first_seq', 'last_seq', 'generation', 'data'])
    .where('agent_id', '=', range.agentId)
    .where('workspace_id', '=', sql<string>`(select nora.workspace())`)
    .limit(range.limit)
  return range.generation === undefined ? query : query.where('generation', '=', range.generation)
}

/** Chunks that hold lines with a number above `after`, in order. */
export function chunksAfter(tx: Tx, range: Range & { after: number }): Promise<LogChunkRow[]> {
  return chunks(tx, range)
    .where('first_seq', '>=', (eb) =>
      // The one chunk that begins at or before `after` may still reach past it; the key finds it at once.
      eb.fn.coalesce(
        eb
          .selectFrom('log_chunks as c')
          .select('c.first_seq')
          .where('c.agent_id', '=', range.agentId)
          .where('c.workspace_id', '=', sql<string>`(select nora.workspace())`)
          .where('c.first_seq', '<=', range.after)
          .orderBy('c.first_seq', 'desc')
          .limit(1),
        sql<number>`0`,
      ),
    )
    .where('last_seq', '>', range.after)
    .orderBy('first_seq')
    .execute()
}

/** Chunks that hold lines with a number below `before`, newest first. */
export function chunksBefore(tx: Tx, range: Range & { before: number }): Promise<LogChunkRow[]> {
  return chunks(tx, range).where('first_seq', '<', range.before).orderBy('first_seq', 'desc').execute()
}
