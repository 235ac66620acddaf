import { type Kysely, sql } from 'kysely'
import type { Tx } from './actor.ts'
import type { AdminProof } from './admin-session.ts'
import type { DB } from './schema.ts'
import type { Origin } from './workspaces.ts'

// Pages that are told what changed (migrations/0029-2-changes.sql). A page is its stream's random id; the text `since` is a snapshot of
// Postgres, which says exactly which transactions it has seen.

type Db = Kysely<DB>

/** A page that asks: what became visible since that snapshot; null: only which snapshot now is. */
export type Asking = { streamId: string; since: string | null }
/** The answer for a page that may still be open; there is none for any other. */
export type Seen = { streamId: string; seen: string; topics: string[] }
/** `workers` is another text when one has come, gone or fallen silent. */
export type SeenByAdmin = Seen & { workers: string }

/** What changed for the pages of consoles, each by what its person may see now. */
export async function watchStreams(db: Db, asking: readonly Asking[]): Promise<Seen[]> {
  const { ids, since } = columnsOf(asking)
  const { rows } = await sql<Seen>`select stream_id as "streamId", seen, topics
    from nora.watch_streams(${ids}::uuid[], ${since}::text[])`.execute(db)
  return rows
}

/** What changed on the whole server, for the pages of admins. */
export async function watchAdminStreams(db: Db, asking: readonly Asking[]): Promise<SeenByAdmin[]> {
  const { ids, since } = columnsOf(asking)
  const { rows } = await sql<SeenByAdmin>`select stream_id as "streamId", seen, topics, workers
    from nora.watch_admin_streams(${ids}::uuid[], ${since}::text[])`.execute(db)
  return rows
}

/** Stores a one-use ticket, good for 30 seconds, for the person and the workspace of this transaction; gives the stream's id. */
export async function issueLiveTicket(tx: Tx, sessionId: string, ticketHash: Buffer): Promise<string> {
  const { rows } = await sql<{ id: string }>`
    select nora.issue_live_ticket(${sessionId}, ${ticketHash}) as id`.execute(tx)
  return rows[0]!.id
}

export type RedeemedLive = { streamId: string; userId: string }

/** Redeems a ticket, once, for its own live session and workspace. Raises NR401 `ticket-invalid`. */
export async function redeemLiveTicket(
  db: Db,
  proof: { ticketHash: Buffer; sessionId: string; secret: Buffer; workspaceId: string },
): Promise<RedeemedLive> {
  const { rows } = await sql<RedeemedLive>`select stream_id as "streamId", user_id as "userId"
    from nora.redeem_live_ticket(${proof.ticketHash}, ${proof.sessionId}, ${proof.secret}, ${proof.workspaceId})`.execute(
    db,
  )
  return rows[0]!
}

/** The same for an admin's session, with its audit row. Raises NR401. */
export async function issueAdminTicket(
  db: Db,
  admin: AdminProof,
  ticketHash: Buffer,
  from: Origin,
): Promise<void> {
  await sql`select nora.issue_admin_ticket(${admin.sessionId}, ${admin.secret}, ${ticketHash}, ${from.ip}::inet,
    ${from.correlationId})`.execute(db)
}

/** Redeems an admin's ticket, once, for its own live session. Raises NR401. */
export async function redeemAdminTicket(
  db: Db,
  admin: AdminProof,
  ticketHash: Buffer,
): Promise<RedeemedLive> {
  const { rows } = await sql<RedeemedLive>`select stream_id as "streamId", user_id as "userId"
    from nora.redeem_admin_ticket(${ticketHash}, ${admin.sessionId}, ${admin.secret})`.execute(db)
  return rows[0]!
}

/** Removes marks that no page asks for any more, and streams that are over; gives how many marks went. */
export async function trimChanges(db: Db): Promise<number> {
  const { rows } = await sql<{ count: number }>`select nora.trim_changes() as count`.execute(db)
  return rows[0]!.count
}

function columnsOf(asking: readonly Asking[]): { ids: string[]; since: (string | null)[] } {
  return { ids: asking.map(({ streamId }) => streamId), since: asking.map(({ since }) => since) }
}
