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

/** What is kept of a password: `makePassword` of @nora/crypto/passwords. */
export type StoredPassword = { salt: string; verifier: Buffer }

export type SignUp = {
  email: string
  name: string
  password: StoredPassword
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
    select nora.sign_up(${input.email}, ${input.name}, ${input.password.salt}, ${input.password.verifier},
      ${input.setupOk}, ${input.signupEnabled}, ${input.ip}::inet, ${input.correlationId}) as outcome`.execute(
    db,
  )
  return rows[0]!.outcome
}

/** `passwordSalt` is null where no password was ever set. */
export type LoginCandidate = { userId: string; passwordSalt: string | null }

/** The account behind an address (in any case), and how its password is hashed; undefined when there is none. */
export async function loginLookup(db: Db, email: string): Promise<LoginCandidate | undefined> {
  const { rows } = await sql<LoginCandidate>`
    select user_id as "userId", password_salt as "passwordSalt" from nora.login_lookup(${email})`.execute(db)
  return rows[0]
}

export type NewSession = {
  /** null stands for an address without an account. */
  userId: string | null
  /** `provePassword` of @nora/crypto/passwords. */
  passwordProof: Buffer
  transport: 'cookie' | 'bearer'
  /** SHA-256 of the session secret, and of the first refresh token. */
  secretHash: Buffer
  refreshHash: Buffer
  /** Under which a second factor is asked for, if the account has one: SHA-256 of its token. */
  tokenHash: Buffer
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

/**
 * Opens a session if the proof is the one of the person's password; Postgres compares, so that nothing but a password
 * opens one. Undefined, and audited, when it is not, or the account is disabled or absent. `second-factor-required`: it is,
 * and the account has passkeys.
 */
export async function openSession(
  db: Db,
  input: NewSession,
): Promise<OpenedSession | 'second-factor-required' | undefined> {
  const { rows } = await sql<OpenedSession & { asked: boolean }>`
    select id, email, name, platform_role as "platformRole", second_factor as asked
    from nora.sign_in(${input.userId}, ${input.passwordProof}, ${input.transport}, ${input.secretHash}, ${input.refreshHash},
      make_interval(secs => ${input.idleSeconds}), make_interval(secs => ${input.absoluteSeconds}), ${input.ip}::inet,
      ${input.userAgent}, ${input.correlationId}, ${input.tokenHash})`.execute(db)
  const [row] = rows
  if (!row) return undefined
  const { asked, ...session } = row
  return asked ? 'second-factor-required' : session
}

export type Rotation = {
  /** `grace`: the same token once more within 10 s, which gets the same successor. `reuse`: the session has been ended. */
  outcome: 'rotated' | 'grace' | 'reuse' | 'invalid'
  sessionId: string | null
  userId: string | null
  transport: 'cookie' | 'bearer' | null
  /** The first half of the token that follows, 32 bytes; null where none does. */
  successor: Buffer | null
}

/** Exchanges a refresh token for its successor; `secret` is the session secret that the token carries. */
export async function rotateRefresh(
  db: Db,
  input: {
    tokenHash: Buffer
    secret: Buffer
    idleSeconds: number
    ip: string | null
    correlationId: string
  },
): Promise<Rotation> {
  const { rows } = await sql<Rotation>`
    select outcome, session_id as "sessionId", user_id as "userId", transport, successor
    from nora.refresh_session(${input.tokenHash}, ${input.secret}, make_interval(secs => ${input.idleSeconds}),
      ${input.ip}::inet, ${input.correlationId})`.execute(db)
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

/** How the caller's own password is hashed; null when there is none. */
export async function myPasswordSalt(tx: Tx): Promise<string | null> {
  const { rows } = await sql<{ salt: string | null }>`select nora.my_password_salt() as salt`.execute(tx)
  return rows[0]!.salt
}

/**
 * Sets the caller's password if `oldProof` is of the present one, ends every other session, writes the audit row.
 * Gives how many sessions ended. Raises NR401 `invalid-credentials`, and for whoever has a passkey NR403 `step-up-required`.
 */
export async function changePassword(
  tx: Tx,
  input: {
    session: SessionActor
    oldProof: Buffer
    password: StoredPassword
    ip: string | null
    correlationId: string
  },
): Promise<number> {
  const { rows } = await sql<{ ended: number }>`
    select nora.change_own_password(${input.session.sessionId}, ${input.session.secret}, ${input.oldProof}, ${input.password.salt},
      ${input.password.verifier}, ${input.ip}::inet, ${input.correlationId}) as ended`.execute(tx)
  return rows[0]!.ended
}

export type MyWorkspace = {
  id: string
  name: string
  role: 'viewer' | 'editor' | 'admin' | 'owner'
  /** The caller's own, which everybody has. */
  personal: boolean
  /** It goes when its agents are gone. */
  deleting: boolean
  createdAt: Date
}

/** The workspaces the caller belongs to, the personal one first. */
export async function myWorkspaces(tx: Tx): Promise<MyWorkspace[]> {
  const { rows } =
    await sql<MyWorkspace>`select id, name, role, personal, deleting, created_at as "createdAt" from nora.my_workspaces()`.execute(
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

/** Changes what the caller is called. */
export async function renameMe(tx: Tx, userId: string, name: string): Promise<void> {
  await tx.updateTable('users').set({ name, updated_at: sql<Date>`now()` }).where('id', '=', userId).execute()
}
