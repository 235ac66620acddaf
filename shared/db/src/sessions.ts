import { type Kysely, sql } from 'kysely'
import type { SessionActor, Tx } from './actor.ts'
import type { DB } from './schema.ts'
import type { Origin } from './workspaces.ts'

const columns = [
  'id',
  'transport',
  'ip',
  'user_agent as userAgent',
  'created_at as createdAt',
  'last_seen_at as lastSeenAt',
  'stepped_up_until as steppedUpUntil',
] as const

/** The caller's live sessions, the one used last first; at most 200. */
export async function liveSessions(tx: Tx) {
  return tx
    .selectFrom('sessions')
    .select(columns)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', sql<Date>`now()`)
    .where('idle_expires_at', '>', sql<Date>`now()`)
    .orderBy('last_seen_at', 'desc')
    .orderBy('id')
    .limit(200)
    .execute()
}

/** One session of the caller's. */
export async function ownSession(tx: Tx, id: string) {
  return tx.selectFrom('sessions').select(columns).where('id', '=', id).executeTakeFirstOrThrow()
}

/** Ends one live session of the caller's; false when there is no such session. */
export async function revokeSession(tx: Tx, id: string, reason: string): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('sessions')
    .set({ revoked_at: sql<Date>`now()`, revoked_reason: reason })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** Ends every live session of the caller's, but for `except`; gives how many. */
export async function revokeSessions(tx: Tx, reason: string, except: string | null): Promise<number> {
  let ending = tx
    .updateTable('sessions')
    .set({ revoked_at: sql<Date>`now()`, revoked_reason: reason })
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', sql<Date>`now()`)
    .where('idle_expires_at', '>', sql<Date>`now()`)
  if (except !== null) ending = ending.where('id', '<>', except)
  const { numUpdatedRows } = await ending.executeTakeFirst()
  return Number(numUpdatedRows)
}

/**
 * Raises NR403 `step-up-required` unless the password was shown in this session within ten minutes, at sign-in or by a
 * step-up.
 */
export async function requireRecentProof(db: Kysely<DB>, session: SessionActor): Promise<void> {
  await sql`select nora.require_recent_proof(${session.sessionId}, ${session.secret})`.execute(db)
}

/**
 * Raises the caller's session for ten minutes if the proof is the one of their password, which Postgres judges; gives until
 * when. Raises NR401 `invalid-credentials`.
 */
export async function stepUp(
  tx: Tx,
  session: SessionActor,
  passwordProof: Buffer,
  from: Origin,
): Promise<Date> {
  const { rows } = await sql<{ until: Date }>`
    select nora.step_up(${session.sessionId}, ${session.secret}, ${passwordProof}, ${from.ip}::inet,
      ${from.correlationId}) as until`.execute(tx)
  return rows[0]!.until
}
