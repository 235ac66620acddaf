import type { Tx } from './actor.ts'
import { chunksBefore } from './logs.ts'

// What a worker reads for somebody who watches a log, in that viewer's context: checked anew in every transaction.

export type LogView = {
  state: string
  reason: string
  /** The number of the newest line; 0 before the first. */
  newestSeq: number
}

/** The agent as its viewer sees it beside the log; undefined when it is gone. */
export async function logView(tx: Tx, agentId: string): Promise<LogView | undefined> {
  const row = await tx
    .selectFrom('agents as a')
    .leftJoin('log_followers as f', (join) =>
      join.onRef('f.workspace_id', '=', 'a.workspace_id').onRef('f.agent_id', '=', 'a.id'),
    )
    .select(['a.state', 'a.state_reason as reason', 'f.next_seq'])
    .where('a.id', '=', agentId)
    .where('a.deleted_at', 'is', null)
    .executeTakeFirst()
  return row && { state: row.state, reason: row.reason, newestSeq: (row.next_seq ?? 1) - 1 }
}

/** The number after which the last `lines` lines begin (of one generation, if given). */
export async function tailPosition(
  tx: Tx,
  agentId: string,
  lines: number,
  generation: number | undefined,
): Promise<number> {
  const before = Number.MAX_SAFE_INTEGER
  const range = { agentId, before, limit: 40, ...(generation !== undefined && { generation }) }
  let wanted = lines
  let position = 0
  for (const chunk of await chunksBefore(tx, range)) {
    const held = chunk.last_seq - chunk.first_seq + 1
    if (held >= wanted) return chunk.last_seq - wanted
    wanted -= held
    position = chunk.first_seq - 1
  }
  return position
}
