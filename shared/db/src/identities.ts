import { type Kysely, sql } from 'kysely'
import type { SessionActor, Tx } from './actor.ts'
import type { DB } from './schema.ts'
import type { Origin } from './workspaces.ts'

type Db = Kysely<DB>

export type FlowPurpose = 'sign-in' | 'link' | 'step-up'

/** Has Postgres remember the api's proof if there is none yet; false when it knows another one. */
export async function enrolApi(db: Db, proof: Buffer): Promise<boolean> {
  const { rows } = await sql<{ ours: boolean }>`select nora.enrol_api(${proof}) as ours`.execute(db)
  return rows[0]!.ours
}

/** Has Postgres take another proof of the api for the one it knows, which is shown; false when it knows a third. */
export async function renewApiProof(db: Db, before: Buffer, proof: Buffer): Promise<boolean> {
  const { rows } = await sql<{
    ours: boolean
  }>`select nora.renew_api_proof(${before}, ${proof}) as ours`.execute(db)
  return rows[0]!.ours
}

/** Begins a sign-in at a provider. `flowHash` is SHA-256 of what the browser keeps. */
export async function startSignIn(
  db: Db,
  flow: { flowHash: Buffer; provider: string; returnPath: string },
): Promise<void> {
  await sql`select nora.start_flow(${flow.flowHash}, ${flow.provider}, 'sign-in', ${flow.returnPath}, null, null)`.execute(
    db,
  )
}

/**
 * Begins a round trip of somebody who is signed in. Raises NR403 `step-up-required` for `link`, and for `step-up`
 * `password-required` where there is a password to show.
 */
export async function startRoundTrip(
  tx: Tx,
  session: SessionActor,
  flow: { flowHash: Buffer; provider: string; purpose: 'link' | 'step-up'; returnPath: string },
): Promise<void> {
  await sql`select nora.start_flow(${flow.flowHash}, ${flow.provider}, ${flow.purpose}, ${flow.returnPath},
    ${session.sessionId}, ${session.secret})`.execute(tx)
}

/** Spends a flow: what it was begun for, or undefined when there is none, it is old, spent, or another provider's. */
export async function takeFlow(
  db: Db,
  flow: Buffer,
  provider: string,
): Promise<{ purpose: FlowPurpose; returnPath: string } | undefined> {
  const { rows } = await sql<{ purpose: FlowPurpose; returnPath: string }>`
    select purpose, return_path as "returnPath" from nora.take_flow(${flow}, ${provider})`.execute(db)
  return rows[0]
}

/** A taken flow, the api's proof, and who the provider says has come. */
export type FlowEnd = {
  flow: Buffer
  apiProof: Buffer
  provider: string
  issuer: string
  subject: string
  /** Verified by the provider; null when it names none. */
  email: string | null
}

export type IdentitySignIn = {
  outcome:
    | 'signed-in'
    | 'created'
    | 'second-factor-required'
    | 'account-disabled'
    | 'setup-token-required'
    | 'signup-disabled'
    | 'identity-email-missing'
    | 'identity-not-linked'
  /** Null when there is none. */
  sessionId: string | null
  /** Null for a refusal, which has been audited. */
  userId: string | null
}

/** Opens a session for the account that the identity stands for, or for a new one. Raises NR400 `oauth-flow-invalid`. */
export async function signInByIdentity(
  db: Db,
  end: FlowEnd & { name: string; signupEnabled: boolean },
  session: {
    /** Under which a second factor is asked for, if the account has one. */
    tokenHash: Buffer
    secretHash: Buffer
    refreshHash: Buffer
    idleSeconds: number
    absoluteSeconds: number
  },
  from: Origin & { userAgent: string | null },
): Promise<IdentitySignIn> {
  const { rows } = await sql<IdentitySignIn>`
    select outcome, session_id as "sessionId", user_id as "userId"
    from nora.sign_in_by_identity(${end.flow}, ${end.apiProof}, ${end.provider}, ${end.issuer}, ${end.subject}, ${end.email},
      ${end.name}, ${end.signupEnabled}, ${session.tokenHash}, ${session.secretHash}, ${session.refreshHash},
      make_interval(secs => ${session.idleSeconds}), make_interval(secs => ${session.absoluteSeconds}), ${from.ip}::inet,
      ${from.userAgent}, ${from.correlationId})`.execute(db)
  return rows[0]!
}

/** Links to the account of the session that began the flow. Raises NR403 `step-up-required` when its step-up has passed. */
export async function linkIdentity(db: Db, end: FlowEnd, from: Origin): Promise<'linked' | 'identity-taken'> {
  const { rows } = await sql<{ outcome: 'linked' | 'identity-taken' }>`
    select nora.link_identity(${end.flow}, ${end.apiProof}, ${end.provider}, ${end.issuer}, ${end.subject}, ${end.email},
      ${from.ip}::inet, ${from.correlationId}) as outcome`.execute(db)
  return rows[0]!.outcome
}

export type IdentityStepUp =
  | 'stepped-up'
  | 'password-required'
  | 'passkey-required'
  | 'identity-not-yours'
  | 'reauthentication-stale'

/** Raises the session that began the flow, if its person signed in at the provider just now (`authTime`). */
export async function stepUpByIdentity(
  db: Db,
  end: FlowEnd & { authTime: Date | null },
  from: Origin,
): Promise<IdentityStepUp> {
  const { rows } = await sql<{ outcome: IdentityStepUp }>`
    select nora.step_up_by_identity(${end.flow}, ${end.apiProof}, ${end.provider}, ${end.issuer}, ${end.subject},
      ${end.authTime}, ${from.ip}::inet, ${from.correlationId}) as outcome`.execute(db)
  return rows[0]!.outcome
}

/** The caller's identities, the oldest first. */
export function myIdentities(tx: Tx) {
  return tx
    .selectFrom('identities')
    .select(['id', 'provider', 'issuer', 'email', 'created_at', 'last_used_at'])
    .orderBy('created_at')
    .orderBy('id')
    .execute()
}

/** Raises NR404, NR403 `step-up-required`, NR409 `last-sign-in-way`. */
export async function unlinkIdentity(tx: Tx, session: SessionActor, id: string, from: Origin): Promise<void> {
  await sql`select nora.unlink_identity(${session.sessionId}, ${session.secret}, ${id}, ${from.ip}::inet,
    ${from.correlationId})`.execute(tx)
}

/** The first password of an account that has none. Raises NR403 `step-up-required`, NR409 `password-set-already`. */
export async function setFirstPassword(
  tx: Tx,
  session: SessionActor,
  password: { salt: string; verifier: Buffer },
  from: Origin,
): Promise<void> {
  await sql`select nora.set_first_password(${session.sessionId}, ${session.secret}, ${password.salt}, ${password.verifier},
    ${from.ip}::inet, ${from.correlationId})`.execute(tx)
}
