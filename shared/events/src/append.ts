import type { Tx } from '@nora/db/actor'
import { sql } from 'kysely'

/**
 * Appends one event to an agent's timeline in the caller's transaction and returns its sequence number. The agent's row
 * is updated first, which serialises writers of one agent, so numbers have neither gap nor race.
 */
export async function appendEvent(
  tx: Tx,
  agent: { id: string; workspaceId: string },
  type: string,
  data: Record<string, unknown> = {},
): Promise<number> {
  const { event_seq: seq } = await tx
    .updateTable('agents')
    .set({ event_seq: sql`event_seq + 1` })
    .where('id', '=', agent.id)
    .where('workspace_id', '=', agent.workspaceId)
    .returning('event_seq')
    .executeTakeFirstOrThrow()
  await tx
    .insertInto('events')
    .values({ workspace_id: agent.workspaceId, agent_id: agent.id, seq, type, data: JSON.stringify(data) })
    .execute()
  return seq
}
