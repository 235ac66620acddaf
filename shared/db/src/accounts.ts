import { type Kysely, sql } from 'kysely'
import type { Entered, SessionActor, Tx } from './actor.ts'
import type { DB } from './schema.ts'

type Db = Kysely<DB>

/**
 * Checks a session and its membership of one workspace, without entering a transaction: the context ends with the
 * statement. Raises NR401 `session-invalid` and NR404 `not-found` as `nora.enter_session` does.
 */
export async function enterSession(db: Db, actor: SessionActor): Promise<Entered<SessionActor>> {
  const { rows } = await sql<Entered<SessionActor>>`
    select user_id as "userId", workspace_id as "workspaceId", role, platform_role as "platformRole"
    from nora.enter_session(${actor.sessionId}, ${actor.secret}, ${actor.workspaceId})`.execute(db)
  return rows[0]!
}

/** Whether somebody has claimed this server. */
export async function isClaimed(db: Db): Promise<boolean> {
  const { rows } = await sql<{ claimed: boolean }>`select nora.is_claimed() as claimed`.execute(db)
  return rows[0]!.claimed
}

export type SignUp = {
  email: string
  name: string
  /** PHC string. */
  passwordHash: string
  /** The caller has shown the setup token, or none is asked for. Needed by the first account alone. */
  setupOk: boolean
  signupEnabled: boolean
  ip: string | null
  correlationId: string
}

/**
 * Creates an account with its personal workspace, or finds that the address has one. The first account claims the
 * server, one caller at a time. Raises NR403 `setup-token-required` and `signup-disabled`.
 */
export async function signUp(db: Db, input: SignUp): Promise<'claimed' | 'created' | 'exists'> {
  const { rows } = await sql<{ outcome: 'claimed' | 'created' | 'exists' }>`
    select nora.sign_up(${input.email}, ${input.name}, ${input.passwordHash}, ${input.setupOk}, ${input.signupEnabled},
      ${input.ip}::inet, ${input.correlationId}) as outcome`.execute(db)
  return rows[0]!.outcome
}

export type LoginCandidate = { userId: string; passwordHash: string | null; disabled: boolean }

/** The account behind an address (in any case), for checking its password; undefined when there is none. */
export async function loginLookup(db: Db, email: string): Promise<LoginCandidate | undefined> {
  const { rows } = await sql<LoginCandidate>`
    select user_id as "userId", password_hash as "passwordHash", disabled from nora.login_lookup(${email})`.execute(
    db,
  )
  return rows[0]
}

/** Writes the audit row of a refused sign-in; null stands for an address without an account. */
export async function signInFailed(
  db: Db,
  userId: string | null,
  ip: string | null,
  correlationId: string,
): Promise<void> {
  await sql`select nora.sign_in_failed(${userId}, ${ip}::inet, ${correlationId})`.execute(db)
}

export type NewSession = {
  userId: string
  transport: 'cookie' | 'bearer'
  /** SHA-256 of the session secret, and of the first refresh token. */
  secretHash: Buffer
  refreshHash: Buffer
  idleSeconds: number
  absoluteSeconds: number
  ip: string | null
  userAgent: string | null
  correlationId: string
}

export type OpenedSession = {
  id: string
  email: string
  name: string
  platformRole: 'user' | 'admin'
}

/** Opens a session for somebody whose password has just been verified. Raises NR401 when the account was disabled meanwhile. */
export async function openSession(db: Db, input: NewSession): Promise<OpenedSession> {
  const { rows } = await sql<OpenedSession>`
    select id, email, name, platform_role as "platformRole"
    from nora.open_session(${input.userId}, ${input.transport}, ${input.secretHash}, ${input.refreshHash},
      make_interval(secs => ${input.idleSeconds}), make_interval(secs => ${input.absoluteSeconds}), ${input.ip}::inet,
      ${input.userAgent}, ${input.correlationId})`.execute(db)
  return rows[0]!
}

export type Rotation = {
  /** `grace`: the same token once more within 10 s, which gets the same successor. `reuse`: the session has been ended. */
  outcome: 'rotated' | 'grace' | 'reuse' | 'invalid'
  sessionId: string | null
  userId: string | null
  transport: 'cookie' | 'bearer' | null
}

/** Exchanges a refresh token for its successor; `secret` is the session secret that the token carries. */
export async function rotateRefresh(
  db: Db,
  input: {
    tokenHash: Buffer
    secret: Buffer
    successorHash: Buffer
    idleSeconds: number
    ip: string | null
    correlationId: string
  },
): Promise<Rotation> {
  const { rows } = await sql<Rotation>`
    select outcome, session_id as "sessionId", user_id as "userId", transport
    from nora.rotate_refresh(${input.tokenHash}, ${input.secret}, ${input.successorHash},
      make_interval(secs => ${input.idleSeconds}), ${input.ip}::inet, ${input.correlationId})`.execute(db)
  return rows[0]!
}

/** The live session that a refresh token belongs to, without using the token up; undefined for anything else. */
export async function sessionOfRefresh(
  db: Db,
  tokenHash: Buffer,
  secret: Buffer,
): Promise<string | undefined> {
  const { rows } = await sql<{ id: string | null }>`
    select nora.session_of_refresh(${tokenHash}, ${secret}) as id`.execute(db)
  return rows[0]?.id ?? undefined
}

/** The caller's own password hash, to verify the current password against. */
export async function myPasswordHash(tx: Tx): Promise<string | null> {
  const { rows } = await sql<{ hash: string | null }>`select nora.my_password_hash() as hash`.execute(tx)
  return rows[0]!.hash
}

/**
 * Sets the caller's password if it is still the one behind `oldHash`, ends every other session, writes the audit row.
 * Gives how many sessions ended. Raises NR401 when the password was changed meanwhile.
 */
export async function changePassword(
  tx: Tx,
  input: { sessionId: string; oldHash: string; newHash: string; ip: string | null; correlationId: string },
): Promise<number> {
  const { rows } = await sql<{ ended: number }>`
    select nora.change_password(${input.sessionId}, ${input.oldHash}, ${input.newHash}, ${input.ip}::inet,
      ${input.correlationId}) as ended`.execute(tx)
  return rows[0]!.ended
}

export type MyWorkspace = {
  id: string
  name: string
  role: 'viewer' | 'editor' | 'admin' | 'owner'
  personal: boolean
  createdAt: Date
}

/** The workspaces the caller belongs to, the personal one first. */
export async function myWorkspaces(tx: Tx): Promise<MyWorkspace[]> {
  const { rows } =
    await sql<MyWorkspace>`select id, name, role, personal, created_at as "createdAt" from nora.my_workspaces()`.execute(
      tx,
    )
  return rows
}

/** The caller's own account. */
export async function myAccount(tx: Tx, userId: string) {
  return tx
    .selectFrom('users')
    .select(['id', 'email', 'name', 'platform_role as platformRole'])
    .where('id', '=', userId)
    .executeTakeFirstOrThrow()
}
