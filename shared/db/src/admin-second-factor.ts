import { type Kysely, sql } from 'kysely'
import type { AdminProof } from './admin-session.ts'
import { type PasskeyKey, partsOf, type SecondFactor } from './passkeys.ts'
import type { DB } from './schema.ts'
import type { Origin } from './workspaces.ts'

type Db = Kysely<DB>

/** Gives an admin session a challenge, by SHA-256, and the passkeys that may answer it. Raises NR401 `session-invalid`. */
export async function startAdminChallenge(
  db: Db,
  { sessionId, secret }: AdminProof,
  hash: Buffer,
): Promise<PasskeyKey[]> {
  const { rows } = await sql<PasskeyKey>`
    select id, credential_id as "credentialId", public_key as "publicKey", transports
    from nora.admin_challenge(${sessionId}, ${secret}, ${hash})`.execute(db)
  return rows
}

/** Uses the challenge up and gives the passkeys that may have answered it; none where it is not the session's. */
export async function takeAdminChallenge(
  db: Db,
  { sessionId, secret }: AdminProof,
  hash: Buffer,
): Promise<PasskeyKey[]> {
  const { rows } = await sql<PasskeyKey>`
    select id, credential_id as "credentialId", public_key as "publicKey", transports
    from nora.take_admin_challenge(${sessionId}, ${secret}, ${hash})`.execute(db)
  return rows
}

/** Opens the session to what asks for a second factor, and raises it for ten minutes; false, and audited, when it is no good. */
export async function showAdminSecondFactor(
  db: Db,
  { sessionId, secret }: AdminProof,
  apiProof: Buffer,
  factor: SecondFactor,
  from: Origin,
): Promise<boolean> {
  const { passkey, counter, code } = partsOf(factor)
  const { rows } = await sql<{ good: boolean }>`
    select nora.show_admin_second_factor(${sessionId}, ${secret}, ${apiProof}, ${passkey}, ${counter}, ${code},
      ${from.ip}::inet, ${from.correlationId}) as good`.execute(db)
  return rows[0]!.good
}
