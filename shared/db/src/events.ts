import type { Tx } from './actor.ts'

export type EventRow = { seq: number; ts: Date; type: string; data: Record<string, unknown> }

/** An agent's events after a sequence number, oldest first. */
export function eventsAfter(tx: Tx, agentId: string, after: number, limit: number): Promise<EventRow[]> {
  return tx
    .selectFrom('events')
    .select(['seq', 'ts', 'type', 'data'])
    .where('agent_id', '=', agentId)
    .where('seq', '>', after)
    .orderBy('seq')
    .limit(limit)
    .execute()
}

/** The newest of an agent's events between two sequence numbers, both left out; newest first. */
export function eventsBefore(
  tx: Tx,
  agentId: string,
  range: { after: number; before: number },
  limit: number,
): Promise<EventRow[]> {
  return tx
    .selectFrom('events')
    .select(['seq', 'ts', 'type', 'data'])
    .where('agent_id', '=', agentId)
    .where('seq', '>', range.after)
    .where('seq', '<', range.before)
    .orderBy('seq', 'desc')
    .limit(limit)
    .execute()
}
