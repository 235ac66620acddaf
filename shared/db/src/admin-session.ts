import { type Kysely, sql } from 'kysely'
import type { Tx } from './actor.ts'
import type { DB } from './schema.ts'
import type { Origin } from './workspaces.ts'

// Sessions of the admin app, and the transactions that they open (migrations/0020-*.sql). No other proof opens these, and
// these open nothing else.

type Db = Kysely<DB>

/** An admin session by its proof: `secret` is what its access token carries. */
export type AdminProof = { sessionId: string; secret: Buffer }

/** What an admin asks to see, for the audit: a kind of thing, and how it was narrowed down. */
export type Asked = { what: string; how?: Record<string, unknown> }

/**
 * Reads of everybody's, as nora_admin_reader: Postgres checks the proof and writes who asked for what before it shows a row.
 * `after` is the number that an earlier part of the same question gave; it writes no row again. Raises NR401.
 */
export async function withAdminRead<T>(
  db: Db,
  admin: AdminProof,
  { what, how = {} }: Asked,
  from: Origin,
  run: (tx: Tx, audited: number) => Promise<T>,
  after: number | null = null,
): Promise<T> {
  return db.transaction().execute(async (tx) => {
    const { rows } = await sql<{
      seq: number
    }>`select nora.enter_admin_read(${admin.sessionId}, ${admin.secret}, ${what},
      ${JSON.stringify(how)}::jsonb, ${after}, ${from.ip}::inet, ${from.correlationId}) as seq`.execute(tx)
    await sql`set transaction read only`.execute(tx)
    await sql`set local role nora_admin_reader`.execute(tx)
    return run(tx, rows[0]!.seq)
  })
}

export type AdminTurn = { userId: string; workspaceId: string; agentId: string }

/**
 * One operation's agent for an admin to act upon, as nora_admin_operator, audited. Raises NR401, NR403 `step-up-required`, NR404
 * `not-found`, NR409 `not-cancellable`.
 */
export async function withAdminTurn<T>(
  db: Db,
  admin: AdminProof,
  operationId: string,
  from: Origin,
  run: (tx: Tx, turn: AdminTurn) => Promise<T>,
): Promise<T> {
  return db.transaction().execute(async (tx) => {
    const { rows } =
      await sql<AdminTurn>`select user_id as "userId", workspace_id as "workspaceId", agent_id as "agentId"
      from nora.enter_admin_turn(${admin.sessionId}, ${admin.secret}, ${operationId}, ${from.ip}::inet,
        ${from.correlationId})`.execute(tx)
    await sql`set local role nora_admin_operator`.execute(tx)
    return run(tx, rows[0]!)
  })
}

/** Whose session this is. Raises NR401 `session-invalid` or `second-factor-required`. */
export async function proveAdmin(db: Db, { sessionId, secret }: AdminProof): Promise<string> {
  const { rows } = await sql<{
    who: string
  }>`select nora.prove_admin(${sessionId}, ${secret}) as who`.execute(db)
  return rows[0]!.who
}

export type AdminSelf = {
  userId: string
  email: string
  name: string
  sessionId: string
  createdAt: Date
  expiresAt: Date
  steppedUpUntil: Date | null
  secondFactorDue: boolean
}

/** The admin behind a live session, one who has yet to show a second factor included; undefined for any other proof. */
export async function adminSelf(db: Db, { sessionId, secret }: AdminProof): Promise<AdminSelf | undefined> {
  const { rows } = await sql<AdminSelf>`select user_id as "userId", email, name, session_id as "sessionId",
      created_at as "createdAt", expires_at as "expiresAt", stepped_up_until as "steppedUpUntil",
      second_factor_due as "secondFactorDue"
    from nora.admin_me(${sessionId}, ${secret})`.execute(db)
  return rows[0]
}

export type NewAdminSession = Origin & {
  /** null stands for an address without an account. */
  userId: string | null
  /** `provePassword` of @nora/crypto/passwords. */
  passwordProof: Buffer
  /** SHA-256 of the session secret, and of the first refresh token. */
  secretHash: Buffer
  refreshHash: Buffer
  userAgent: string | null
}

/** Opens a session for a platform admin whose password it is, and gives its id; undefined, and audited, for everybody else. */
export async function openAdminSession(db: Db, input: NewAdminSession): Promise<string | undefined> {
  const { rows } = await sql<{
    id: string | null
  }>`select nora.open_admin_session(${input.userId}, ${input.passwordProof},
    ${input.secretHash}, ${input.refreshHash}, ${input.ip}::inet, ${input.userAgent}, ${input.correlationId}) as id`.execute(
    db,
  )
  return rows[0]?.id ?? undefined
}

export type AdminRotation = {
  outcome: 'rotated' | 'grace' | 'reuse' | 'invalid'
  sessionId: string | null
  /** The first half of the successor; null where there is none. */
  successor: Buffer | null
}

/** Exchanges a refresh token for its successor. `reuse`: the session has been ended, and that is audited. */
export async function rotateAdminRefresh(
  db: Db,
  input: Origin & { tokenHash: Buffer; secret: Buffer },
): Promise<AdminRotation> {
  const { rows } = await sql<AdminRotation>`select outcome, session_id as "sessionId", successor
    from nora.rotate_admin_refresh(${input.tokenHash}, ${input.secret}, ${input.ip}::inet, ${input.correlationId})`.execute(
    db,
  )
  return rows[0]!
}

/** The live session that a refresh token belongs to, without using the token up. */
export async function adminSessionOfRefresh(
  db: Db,
  tokenHash: Buffer,
  secret: Buffer,
): Promise<string | undefined> {
  const { rows } = await sql<{ id: string | null }>`
    select nora.admin_session_of_refresh(${tokenHash}, ${secret}) as id`.execute(db)
  return rows[0]?.id ?? undefined
}

/** Ends a session; one that has ended, or is none, is no error. */
export async function endAdminSession(db: Db, admin: AdminProof, from: Origin): Promise<void> {
  await sql`select nora.end_admin_session(${admin.sessionId}, ${admin.secret}, ${from.ip}::inet, ${from.correlationId})`.execute(
    db,
  )
}

/** How the admin's password is hashed; null where there is none. */
export async function adminPasswordSalt(db: Db, { sessionId, secret }: AdminProof): Promise<string | null> {
  const { rows } = await sql<{ salt: string | null }>`
    select nora.admin_password_salt(${sessionId}, ${secret}) as salt`.execute(db)
  return rows[0]!.salt
}

/** Lets the session change things for ten minutes if the proof is the password's; false, and audited, if not. Raises NR401. */
export async function stepUpAdmin(
  db: Db,
  admin: AdminProof,
  passwordProof: Buffer,
  from: Origin,
): Promise<boolean> {
  const { rows } = await sql<{
    until: Date | null
  }>`select nora.step_up_admin(${admin.sessionId}, ${admin.secret},
    ${passwordProof}, ${from.ip}::inet, ${from.correlationId}) as until`.execute(db)
  return rows[0]!.until !== null
}
