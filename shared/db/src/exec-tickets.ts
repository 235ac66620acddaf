import { type Kysely, sql } from 'kysely'
import { type SessionActor, type Tx, withActor } from './actor.ts'
import type { DB } from './schema.ts'

/**
 * A one-use ticket for a terminal, as Postgres allows it, for 30 seconds; gives its stream's id. Raises NR404 `not-found`, NR403 `forbidden`,
 * `agent-holds-foreign-key`, `step-up-required` and `passkey-confirmation-required`.
 */
export async function issueExecTicket(
  tx: Tx,
  session: SessionActor,
  ticket: { agentId: string; ticketHash: Buffer },
): Promise<string> {
  const { rows } = await sql<{
    id: string
  }>`select nora.issue_exec_ticket(${session.sessionId}, ${session.secret},
    ${ticket.agentId}, ${ticket.ticketHash}) as id`.execute(tx)
  return rows[0]!.id
}

/** Where the worker is reached that has this terminal of the caller's; undefined when nobody has it any more. */
export async function workerOfExec(
  db: Kysely<DB>,
  actor: SessionActor,
  exec: { id: string; agentId: string },
): Promise<string | undefined> {
  const row = await withActor(db, actor, (tx) =>
    tx
      .selectFrom('exec_sessions as e')
      .innerJoin('workers as w', 'w.id', 'e.worker_id')
      .select('w.internal_url as internalUrl')
      .where('e.id', '=', exec.id)
      .where('e.agent_id', '=', exec.agentId)
      .executeTakeFirst(),
  )
  return row?.internalUrl
}
