import { type Kysely, sql } from 'kysely'
import type { Tx } from './actor.ts'
import type { DB, StreamKind } from './schema.ts'

/** Of a stream of any kind but a terminal (`issueExecTicket`). */
export type NewStream = {
  id: string
  workspaceId: string
  agentId: string
  userId: string
  sessionId: string
  kind: Exclude<StreamKind, 'exec'>
  ticketHash: Buffer
  expiresAt: Date
}

/** Stores a one-use ticket for a stream that is not open yet. */
export async function insertStream(tx: Tx, stream: NewStream): Promise<void> {
  await tx
    .insertInto('streams')
    .values({
      id: stream.id,
      workspace_id: stream.workspaceId,
      agent_id: stream.agentId,
      user_id: stream.userId,
      session_id: stream.sessionId,
      kind: stream.kind,
      ticket_hash: stream.ticketHash,
      ticket_expires_at: stream.expiresAt,
    })
    .execute()
}

export type RedeemedStream = { streamId: string; workspaceId: string; userId: string }

/**
 * Redeems a ticket, once, for the live session it was minted for. Raises NR401 (`ticket-invalid`) or NR403
 * (`stream-revoked`), see `refusalOf`.
 */
export async function redeemTicket(
  db: Kysely<DB>,
  proof: { ticketHash: Buffer; sessionId: string; secret: Buffer; kind: StreamKind; agentId: string },
): Promise<RedeemedStream> {
  const result = await sql<RedeemedStream>`
    select stream_id as "streamId", workspace_id as "workspaceId", user_id as "userId"
    from nora.redeem_ticket(${proof.ticketHash}, ${proof.sessionId}, ${proof.secret}, ${proof.kind}, ${proof.agentId})`.execute(
    db,
  )
  return result.rows[0]!
}
