import { type Kysely, sql } from 'kysely'
import type { SessionActor, Tx } from './actor.ts'
import type { DB } from './schema.ts'
import type { Origin } from './workspaces.ts'

type Db = Kysely<DB>

/** What is needed to check an assertion. The counter stays in Postgres, which compares it. */
export type PasskeyKey = { id: string; credentialId: Buffer; publicKey: Buffer; transports: string[] }

/**
 * The passkeys of the account that a second factor's token stands for, without or with using the token up. Raises NR401
 * `second-factor-invalid`.
 */
export async function secondFactorPasskeys(db: Db, token: Buffer, take: boolean): Promise<PasskeyKey[]> {
  const { rows } = await sql<PasskeyKey>`
    select id, credential_id as "credentialId", public_key as "publicKey", transports
    from nora.second_factor_passkeys(${token}, ${take})`.execute(db)
  return rows
}

/**
 * A passkey whose assertion has been checked, or the hash of a recovery code that Postgres is to check; `none` for what was no
 * good, so that it is refused and audited where all of them are.
 */
export type SecondFactor = { passkeyId: string; counter: number } | { codeHash: Buffer } | 'none'

/** As the functions of Postgres take it. */
export function partsOf(factor: SecondFactor) {
  if (factor === 'none') return { passkey: null, counter: null, code: null }
  if ('codeHash' in factor) return { passkey: null, counter: null, code: factor.codeHash }
  return { passkey: factor.passkeyId, counter: factor.counter, code: null }
}

/** Opens the session that a taken token waits for. Undefined, and audited, when the factor does not do. Raises NR401, NR403. */
export async function finishSecondFactor(
  db: Db,
  end: { token: Buffer; apiProof: Buffer; factor: SecondFactor },
  session: { secretHash: Buffer; refreshHash: Buffer; idleSeconds: number; absoluteSeconds: number },
  from: Origin & { userAgent: string | null },
): Promise<{ sessionId: string; userId: string; transport: 'cookie' | 'bearer' } | undefined> {
  const { passkey, counter, code } = partsOf(end.factor)
  const { rows } = await sql<{ sessionId: string | null; userId: string; transport: 'cookie' | 'bearer' }>`
    select session_id as "sessionId", user_id as "userId", transport
    from nora.finish_second_factor(${end.token}, ${end.apiProof}, ${passkey}, ${counter}, ${code}, ${session.secretHash},
      ${session.refreshHash}, make_interval(secs => ${session.idleSeconds}), make_interval(secs => ${session.absoluteSeconds}),
      ${from.ip}::inet, ${from.userAgent}, ${from.correlationId})`.execute(db)
  const { sessionId, ...rest } = rows[0]!
  return sessionId === null ? undefined : { sessionId, ...rest }
}

/** Raises the caller's session; false, and audited, when the factor does not do. */
export async function stepUpBySecondFactor(
  tx: Tx,
  session: SessionActor,
  apiProof: Buffer,
  factor: SecondFactor,
  from: Origin,
): Promise<boolean> {
  const { passkey, counter, code } = partsOf(factor)
  const { rows } = await sql<{ good: boolean }>`
    select nora.step_up_by_second_factor(${session.sessionId}, ${session.secret}, ${apiProof}, ${passkey}, ${counter}, ${code},
      ${from.ip}::inet, ${from.correlationId}) as good`.execute(tx)
  return rows[0]!.good
}

export type ChallengePurpose = 'register' | 'step-up' | 'action'
/** `nonce`: the random part of the challenge of an action. */
export type ChallengeTarget = { action: string; targetId: string; nonce: Buffer }

/** Remembers a challenge, by SHA-256, for this session. Raises NR403 `step-up-required` for `register`. */
export async function startChallenge(
  tx: Tx,
  session: SessionActor,
  challenge: { hash: Buffer; purpose: ChallengePurpose; target?: ChallengeTarget },
): Promise<void> {
  const { hash, purpose, target } = challenge
  await sql`select nora.start_challenge(${session.sessionId}, ${session.secret}, ${hash}, ${purpose}, ${target?.action ?? null},
    ${target?.targetId ?? null}, ${target?.nonce ?? null})`.execute(tx)
}

/** Uses a challenge up; undefined when this session has none like that. */
export async function takeChallenge(
  tx: Tx,
  session: SessionActor,
  hash: Buffer,
  purpose: ChallengePurpose,
): Promise<Partial<ChallengeTarget> | undefined> {
  const { rows } = await sql<{ action: string | null; targetId: string | null; nonce: Buffer | null }>`
    select action, target_id as "targetId", nonce
    from nora.take_challenge(${session.sessionId}, ${session.secret}, ${hash}, ${purpose})`.execute(tx)
  const [row] = rows
  if (!row) return undefined
  const { action, targetId, nonce } = row
  return action === null || targetId === null || nonce === null ? {} : { action, targetId, nonce }
}

/** The caller's passkeys, the oldest first. */
export function myPasskeys(tx: Tx) {
  return tx
    .selectFrom('passkeys')
    .select(['id', 'credential_id as credentialId', 'public_key as publicKey', 'transports', 'label'])
    .select(['backed_up as backedUp', 'created_at as createdAt', 'last_used_at as lastUsedAt'])
    .orderBy('created_at')
    .orderBy('id')
    .execute()
}

/** Raises NR403 `step-up-required`, NR409 `passkey-known`, NR422 `passkey-limit`. */
export async function addPasskey(
  tx: Tx,
  session: SessionActor,
  apiProof: Buffer,
  passkey: {
    credentialId: Buffer
    publicKey: Buffer
    counter: number
    transports: string[]
    label: string
    backedUp: boolean
  },
  from: Origin,
): Promise<string> {
  const { credentialId, publicKey, counter, transports, label, backedUp } = passkey
  const { rows } = await sql<{ id: string }>`
    select nora.add_passkey(${session.sessionId}, ${session.secret}, ${apiProof}, ${credentialId}, ${publicKey}, ${counter},
      ${transports}::text[], ${label}, ${backedUp}, ${from.ip}::inet, ${from.correlationId}) as id`.execute(
    tx,
  )
  return rows[0]!.id
}

/** Raises NR404. */
export async function renamePasskey(tx: Tx, id: string, label: string, from: Origin): Promise<void> {
  await sql`select nora.rename_passkey(${id}, ${label}, ${from.ip}::inet, ${from.correlationId})`.execute(tx)
}

/** Raises NR404, NR403 `step-up-required`. */
export async function removePasskey(tx: Tx, session: SessionActor, id: string, from: Origin): Promise<void> {
  await sql`select nora.remove_passkey(${session.sessionId}, ${session.secret}, ${id}, ${from.ip}::inet,
    ${from.correlationId})`.execute(tx)
}

/** Puts ten codes in the place of all old ones. Raises NR403 `step-up-required`, NR409 `no-passkeys`. */
export async function replaceRecoveryCodes(
  tx: Tx,
  session: SessionActor,
  codeHashes: Buffer[],
  from: Origin,
): Promise<void> {
  await sql`select nora.replace_recovery_codes(${session.sessionId}, ${session.secret}, ${codeHashes}::bytea[],
    ${from.ip}::inet, ${from.correlationId})`.execute(tx)
}

export async function countRecoveryCodes(tx: Tx): Promise<number> {
  const { rows } = await sql<{ n: number }>`select nora.count_recovery_codes() as n`.execute(tx)
  return rows[0]!.n
}
