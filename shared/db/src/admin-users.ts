import { DomainError } from '@nora/domain/errors'
import { type Kysely, sql } from 'kysely'
import type { Tx } from './actor.ts'
import type { AdminProof } from './admin-session.ts'
import type { DB, WorkspaceRole } from './schema.ts'
import type { Origin } from './workspaces.ts'

// People as a platform admin sees and changes them. What reads runs inside `withAdminRead`.

export type AdminUserRow = {
  id: string
  email: string
  name: string
  platformRole: 'user' | 'admin'
  disabledAt: Date | null
  createdAt: Date
  lastSeenAt: Date | null
}

const columns = sql`u.id, u.email, u.name, u.platform_role as "platformRole", u.disabled_at as "disabledAt",
  u.created_at as "createdAt", (select max(s.last_seen_at) from sessions s where s.user_id = u.id and s.revoked_at is null)
    as "lastSeenAt"`

/** `q`: the beginning of an address. `after`: see `decodeUserCursor`. */
export type UserFilter = {
  q?: string | undefined
  role?: 'user' | 'admin' | undefined
  disabled?: boolean | undefined
  after?: string | undefined
  limit: number
}

/** A page in the order of addresses, and the place after it. */
export async function adminUsers(
  tx: Tx,
  { q, role, disabled, after, limit }: UserFilter,
): Promise<{ rows: AdminUserRow[]; nextCursor: string | null }> {
  const conditions = [
    sql`true`,
    // Nothing in UTF-8 comes after U+10FFFF.
    ...(q === undefined
      ? []
      : [sql`u.email_key >= lower(${q}) and u.email_key < lower(${q}) || chr(1114111)`]),
    ...(role === undefined ? [] : [sql`u.platform_role = ${role}`]),
    ...(disabled === undefined
      ? []
      : [disabled ? sql`u.disabled_at is not null` : sql`u.disabled_at is null`]),
    ...(after === undefined ? [] : [sql`u.email_key > ${after}`]),
  ]
  const { rows } = await sql<
    AdminUserRow & { key: string }
  >`select ${columns}, u.email_key as key from users u
    where ${sql.join(conditions, sql` and `)} order by u.email_key limit ${limit + 1}`.execute(tx)
  const page = rows.slice(0, limit)
  const last = rows.length > limit ? page.at(-1) : undefined
  return {
    rows: page.map(({ key: _, ...row }) => row),
    nextCursor: last ? Buffer.from(last.key, 'utf8').toString('base64url') : null,
  }
}

/** The address after which a page goes on. DomainError `bad-request` for what no page gave. */
export function decodeUserCursor(text: string): string {
  const key = Buffer.from(text, 'base64url').toString('utf8')
  if (/^[^\p{Cc}\uFFFD]{3,254}$/u.test(key)) return key
  throw new DomainError('bad-request', {
    errors: [{ path: 'querystring/cursor', message: 'is not a cursor of this list' }],
  })
}

export type AdminUserDetailRow = AdminUserRow & {
  agents: number
  sessions: number
  adminSessions: number
  memberships: {
    workspaceId: string
    workspaceName: string
    personal: boolean
    role: WorkspaceRole
    since: Date
  }[]
}

/** One person with what they belong to; undefined for an unknown id. */
export async function adminUser(tx: Tx, id: string): Promise<AdminUserDetailRow | undefined> {
  const live = sql`x.user_id = u.id and x.revoked_at is null and x.expires_at > now() and x.idle_expires_at > now()`
  const { rows } = await sql<Omit<AdminUserDetailRow, 'memberships'>>`select ${columns},
      (select count(*) from agents a where a.owner_id = u.id and a.deleted_at is null) as agents,
      (select count(*) from sessions x where ${live}) as sessions,
      (select count(*) from admin_sessions x where ${live}) as "adminSessions"
    from users u where u.id = ${id}`.execute(tx)
  const [user] = rows
  if (!user) return undefined
  const { rows: memberships } = await sql<AdminUserDetailRow['memberships'][number]>`
    select m.workspace_id as "workspaceId", w.name as "workspaceName", w.personal_of is not distinct from m.user_id as personal,
      m.role, m.created_at as since
    from memberships m join workspaces w on w.id = m.workspace_id where m.user_id = ${id}
    order by m.created_at desc, m.workspace_id limit 200`.execute(tx)
  return { ...user, memberships }
}

/**
 * Disables, enables, promotes or demotes, audited and with effect at once; gives who it is now. Raises NR401, NR403 `step-up-required`, NR404, NR409
 * `last-admin`.
 */
export async function changeUser(
  db: Kysely<DB>,
  admin: AdminProof,
  userId: string,
  change: { disabled?: boolean | undefined; platformRole?: 'user' | 'admin' | undefined },
  from: Origin,
): Promise<AdminUserRow> {
  const { rows } =
    await sql<AdminUserRow>`select id, email, name, platform_role as "platformRole", disabled_at as "disabledAt",
      created_at as "createdAt", last_seen_at as "lastSeenAt"
    from nora.admin_change_user(${admin.sessionId}, ${admin.secret}, ${userId}, ${change.disabled ?? null},
      ${change.platformRole ?? null}, ${from.ip}::inet, ${from.correlationId})`.execute(db)
  return rows[0]!
}

/** Ends every session of somebody's; gives how many. Raises NR401, NR403 `step-up-required`, NR404. */
export async function signOutUser(
  db: Kysely<DB>,
  admin: AdminProof,
  userId: string,
  from: Origin,
): Promise<number> {
  const { rows } = await sql<{
    n: number
  }>`select nora.admin_sign_out(${admin.sessionId}, ${admin.secret}, ${userId},
    ${from.ip}::inet, ${from.correlationId}) as n`.execute(db)
  return rows[0]!.n
}
