import { sql } from 'kysely'
import type { SessionActor, Tx } from './actor.ts'
import { type Cursor, decodeCursor, pageOfRows } from './cursor.ts'
import type { WorkspaceRole } from './schema.ts'
import type { Origin } from './workspaces.ts'

export type Member = {
  id: string
  email: string
  name: string
  role: WorkspaceRole
  created_at: Date
  created_us: number
}

async function members(tx: Tx, limit: number, before: Cursor | undefined, only: string | null) {
  const { rows } = await sql<Member>`
    select user_id as id, email, name, role, created_at, created_us
    from nora.list_members(${limit}::int, ${before?.createdUs ?? null}::bigint, ${before?.id ?? null}::uuid, ${only}::uuid)`.execute(
    tx,
  )
  return rows
}

/** The members of the context's workspace, the newest first. */
export async function listMembers(tx: Tx, page: { limit: number; cursor?: string }) {
  const before = page.cursor === undefined ? undefined : decodeCursor(page.cursor)
  return pageOfRows(await members(tx, page.limit + 1, before, null), page.limit)
}

/** One member, or undefined. */
export async function memberById(tx: Tx, userId: string): Promise<Member | undefined> {
  return (await members(tx, 1, undefined, userId))[0]
}

/**
 * Changes a member's role; with `transfer` the caller, an owner, becomes an admin. One at a time for the workspace. Raises
 * NR404 `not-found`; NR403 `forbidden`, `role-too-high`, `step-up-required`; NR409 `last-owner`, `personal-workspace`,
 * `workspace-deleting`.
 */
export async function setMemberRole(
  tx: Tx,
  session: SessionActor,
  change: { userId: string; role: WorkspaceRole; transfer: boolean },
  from: Origin,
): Promise<void> {
  await sql`select nora.set_member_role(${session.sessionId}, ${session.secret}, ${change.userId}, ${change.role},
    ${change.transfer}, ${from.ip}::inet, ${from.correlationId})`.execute(tx)
}

export type KeysWithdrawn = { agentId: string; operationId: string | null }

/**
 * Removes a member (or the caller, who leaves) with their keys; gives the agents that lost one, with the operation that takes
 * its file out of each that runs. Takes the workspace's turn itself. Raises as `setMemberRole` does; leaving needs no step-up.
 */
export async function removeMember(
  tx: Tx,
  session: SessionActor,
  userId: string,
  from: Origin,
): Promise<KeysWithdrawn[]> {
  const { rows } = await sql<KeysWithdrawn>`
    select agent_id as "agentId", operation_id as "operationId"
    from nora.remove_member(${session.sessionId}, ${session.secret}, ${userId}, ${from.ip}::inet, ${from.correlationId})`.execute(
    tx,
  )
  return rows
}
