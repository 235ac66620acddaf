import type { AgentEventPage, AgentEventQuery } from '@nora/contract/agent-history'
import { type CallerActor, withActor } from '@nora/db/actor'
import { agentExists } from '@nora/db/agent-reads'
import { eventsAfter, eventsBefore } from '@nora/db/events'
import { DomainError } from '@nora/domain/errors'
import type { Deps } from '../deps.ts'

/** An agent's events in order: after a number, or the newest below one. DomainError `not-found`. */
export async function readEvents(
  deps: Deps,
  actor: CallerActor,
  agentId: string,
  { after = 0, before, limit = 50 }: AgentEventQuery,
): Promise<AgentEventPage> {
  const rows = await withActor(deps.db, actor, async (tx) => {
    if (!(await agentExists(tx, agentId))) return undefined
    return before === undefined
      ? eventsAfter(tx, agentId, after, limit + 1)
      : eventsBefore(tx, agentId, { after, before }, limit + 1)
  })
  if (!rows) throw new DomainError('not-found')
  const items = rows.slice(0, limit).map((row) => ({ ...row, ts: row.ts.toISOString() }))
  const nextCursor = rows.length > limit ? String(items.at(-1)?.seq) : null
  return { items: before === undefined ? items : items.reverse(), nextCursor }
}
