import { sql } from 'kysely'
import type { SessionActor, Tx } from './actor.ts'
import { afterCursor, createdUs, decodeCursor, pageOfRows } from './cursor.ts'
import type { WorkspaceRole } from './schema.ts'
import type { Origin } from './workspaces.ts'

const shown = [
  'invitations.id',
  'invitations.email',
  'invitations.role',
  'invitations.invited_by',
  'invitations.created_at',
  'invitations.expires_at',
] as const

const open = (tx: Tx) =>
  tx
    .selectFrom('invitations')
    .select(shown)
    .select(createdUs('invitations').as('created_us'))
    .where('workspace_id', '=', sql<string>`(select nora.workspace())`)
    .where('expires_at', '>', sql<Date>`now()`)

export type InvitationRow = NonNullable<Awaited<ReturnType<typeof invitationById>>>

/** One open invitation of the context's workspace, or undefined. */
export function invitationById(tx: Tx, id: string) {
  return open(tx).where('id', '=', id).executeTakeFirst()
}

/** The open invitations of the context's workspace, the newest first; none for less than an admin. */
export async function listInvitations(tx: Tx, page: { limit: number; cursor?: string }) {
  const query = open(tx)
    .orderBy('invitations.created_at', 'desc')
    .orderBy('invitations.id', 'desc')
    .limit(page.limit + 1)
  const rows = await (page.cursor === undefined
    ? query
    : query.where(afterCursor('invitations', decodeCursor(page.cursor)))
  ).execute()
  return pageOfRows(rows, page.limit)
}

/**
 * Invites an address for seven days; an open invitation of the same address is replaced. Raises NR403 `forbidden`,
 * `role-too-high`, `step-up-required`; NR409 `already-member`, `workspace-deleting`; NR422 `invitation-limit`.
 */
export async function createInvitation(
  tx: Tx,
  session: SessionActor,
  invitation: { id: string; email: string; role: WorkspaceRole; tokenHash: Buffer },
  from: Origin,
): Promise<void> {
  const { id, email, role, tokenHash } = invitation
  await sql`select nora.create_invitation(${session.sessionId}, ${session.secret}, ${id}, ${email}, ${role},
    ${tokenHash}, ${from.ip}::inet, ${from.correlationId})`.execute(tx)
}

/** Takes an open invitation back. Raises NR404 `not-found`, NR403 `role-too-high`. */
export async function deleteInvitation(tx: Tx, id: string, from: Origin): Promise<void> {
  await sql`select nora.delete_invitation(${id}, ${from.ip}::inet, ${from.correlationId})`.execute(tx)
}

/**
 * Joins the caller to the workspace that invited their address, and gives its id; whoever is a member already keeps their
 * role. Raises NR404 `not-found` for every token that does not let this caller in, whatever the reason.
 */
export async function acceptInvitation(tx: Tx, tokenHash: Buffer, from: Origin): Promise<string> {
  const { rows } = await sql<{ id: string }>`
    select nora.accept_invitation(${tokenHash}, ${from.ip}::inet, ${from.correlationId}) as id`.execute(tx)
  return rows[0]!.id
}
