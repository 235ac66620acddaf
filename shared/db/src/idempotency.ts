import { sql } from 'kysely'
import type { Tx } from './actor.ts'

export type KeyOwner = { workspaceId: string; userId: string }
export type KeptAnswer = { status: number; location: string | null; body: unknown }

export type Reservation =
  | { kind: 'reserved' }
  | { kind: 'kept'; answer: KeptAnswer }
  | { kind: 'key-reused' }
  | { kind: 'not-replayable' }
  | { kind: 'in-progress' }

/**
 * Takes an idempotency key for this transaction, or says what became of its first use in the last 24 hours. The lock
 * and the row live and die with the transaction, so neither a crash nor a refusal leaves a key behind that nobody can use.
 * @param hashes of the request, under the current key first and then the earlier ones; a kept row may match any.
 */
export async function reserveKey(
  tx: Tx,
  owner: KeyOwner,
  key: string,
  hashes: Buffer[],
): Promise<Reservation> {
  const { rows } = await sql<{ mine: boolean }>`
    select pg_try_advisory_xact_lock(hashtextextended(${`${owner.workspaceId}|${owner.userId}|${key}`}, 7104002)) as mine`.execute(
    tx,
  )
  if (!rows[0]!.mine) return { kind: 'in-progress' }
  const mine = tx
    .selectFrom('idempotency_keys')
    .select(['request_hash', 'status', 'location', 'body', 'replayable'])
    .where('workspace_id', '=', owner.workspaceId)
    .where('user_id', '=', owner.userId)
    .where('key', '=', key)
    .where('created_at', '>', sql<Date>`now() - interval '24 hours'`)
  const row = await mine.executeTakeFirst()
  if (!row) return reserve(tx, owner, key, hashes[0]!)
  if (!hashes.some((hash) => hash.equals(row.request_hash))) return { kind: 'key-reused' }
  if (!row.replayable || row.status === null) return { kind: 'not-replayable' }
  return { kind: 'kept', answer: { status: row.status, location: row.location, body: row.body } }
}

async function reserve(tx: Tx, owner: KeyOwner, key: string, hash: Buffer): Promise<Reservation> {
  // The caller's own expired rows go here: the table never holds more than a day of anybody who still works.
  await tx
    .deleteFrom('idempotency_keys')
    .where('workspace_id', '=', owner.workspaceId)
    .where('user_id', '=', owner.userId)
    .where('created_at', '<=', sql<Date>`now() - interval '24 hours'`)
    .execute()
  await tx
    .insertInto('idempotency_keys')
    .values({ workspace_id: owner.workspaceId, user_id: owner.userId, key, request_hash: hash })
    .execute()
  return { kind: 'reserved' }
}

/** Keeps the answer of a reserved key; null marks it as one that must not be kept. */
export async function keepAnswer(
  tx: Tx,
  owner: KeyOwner,
  key: string,
  answer: { status: number; location?: string; body?: unknown } | null,
): Promise<void> {
  await tx
    .updateTable('idempotency_keys')
    .set({
      status: answer?.status ?? null,
      location: answer?.location ?? null,
      body: answer?.body === undefined ? null : JSON.stringify(answer.body),
      replayable: answer !== null,
    })
    .where('workspace_id', '=', owner.workspaceId)
    .where('user_id', '=', owner.userId)
    .where('key', '=', key)
    .execute()
}
