import { type Kysely, sql, type Transaction } from 'kysely'
import type { DB } from './schema.ts'

/** The end of the chain. `kid` and `mac` are null before the first row. */
export type AuditHead = { position: number; hash: Buffer; kid: Buffer | null; mac: Buffer | null }

/** A row in its place. `entry` is the row as RFC 8785 writes it; null: it is gone from the log. */
export type ChainedRow = { position: number; previous: Buffer; hash: Buffer; entry: string | null }

export type CheckpointRow = { position: number; hash: Buffer; madeAt: Date; kid: Buffer; signature: Buffer }

export type AuditStatus = {
  position: number
  hash: Buffer
  /** The keys that the end is sealed, and was last signed, with; null: not at all yet. */
  kid: Buffer | null
  checkpointKid: Buffer | null
  chainedAt: Date
  /** Rows that wait to be chained, counted up to 10,000, and how long the first has waited. */
  waiting: number
  waitingMs: number
  /** The last place that was signed; 0: none. */
  checkpoint: number
  checkpointAt: Date | null
  checkpointAgeMs: number | null
  /** The chain's hash at the place that was asked for; null: there is no such place. */
  knownHash: Buffer | null
}

type Db = Kysely<DB>

const lockMs = 5_000

/** How the chain stands; `known` is a place whose hash the caller wants to compare. */
export async function auditStatus(db: Db, known: number): Promise<AuditStatus> {
  const { rows } =
    await sql<AuditStatus>`select head as position, hash, kid, checkpoint_kid as "checkpointKid", chained_at as "chainedAt", waiting,
      waiting_ms as "waitingMs", checkpoint, checkpoint_at as "checkpointAt", checkpoint_age_ms as "checkpointAgeMs",
      known_hash as "knownHash" from nora.audit_status(${known})`.execute(db)
  return rows[0]!
}

/** When a worker last wrote down that it found the chain broken; for a platform admin, inside `withAdminRead`. */
export async function auditBrokenAt(tx: Db): Promise<Date | null> {
  const { rows } = await sql<{
    at: Date
  }>`select ts as at from nora.audit_log where event_type = 'AUDIT_CHAIN_BROKEN'
    order by ts desc nulls last, id desc nulls last limit 1`.execute(tx)
  return rows[0]?.at ?? null
}

/** What `holdingChain` passes on: the chain stands still until it returns. */
export type HeldChain = { tx: Transaction<DB>; head: AuditHead; knownHash: Buffer | null }

/**
 * Runs `run` in a transaction that holds the chain: one worker at a time, wherever they are. Waits 5 s for another
 * holder, then fails (SQLSTATE 55P03).
 */
export async function holdingChain<T>(
  db: Db,
  known: number,
  run: (held: HeldChain) => Promise<T>,
): Promise<T> {
  return db.transaction().execute(async (tx) => {
    await sql`select set_config('lock_timeout', ${`${lockMs}ms`}, true)`.execute(tx)
    const { rows } = await sql<
      AuditHead & { knownHash: Buffer | null }
    >`select head as position, hash, kid, mac,
      known_hash as "knownHash" from nora.hold_audit_chain(${known})`.execute(tx)
    const { knownHash, ...head } = rows[0]!
    return run({ tx, head, knownHash })
  })
}

/** Chains rows that wait, at most `limit`; gives the new end, to be sealed in the same transaction, and how many. */
export async function chainRows(
  tx: Transaction<DB>,
  limit: number,
): Promise<{ position: number; hash: Buffer; chained: number }> {
  const { rows } = await sql<{
    position: number
    hash: Buffer
    chained: number
  }>`select head as position, hash,
    chained from nora.chain_audit(${limit})`.execute(tx)
  return rows[0]!
}

/** Raises NR409 when this is not the end of the chain, or it is sealed already. */
export async function sealHead(
  tx: Transaction<DB>,
  head: { position: number; hash: Buffer; kid: Buffer; mac: Buffer },
): Promise<void> {
  await sql`select nora.seal_audit_head(${head.position}, ${head.hash}, ${head.kid}, ${head.mac})`.execute(tx)
}

/** Chained rows after a place, in order, at most `limit` and some megabytes. */
export async function chainedAfter(db: Db, after: number, limit: number): Promise<ChainedRow[]> {
  const { rows } = await sql<ChainedRow>`select position, previous, hash, entry
    from nora.audit_chained(${after}, ${limit})`.execute(db)
  return rows
}

/** Checkpoints after a place, in order. */
export async function checkpointsAfter(db: Db, after: number, limit: number): Promise<CheckpointRow[]> {
  const { rows } = await sql<CheckpointRow>`select position, hash, made_at as "madeAt", kid, signature
    from nora.audit_checkpoints_after(${after}, ${limit})`.execute(db)
  return rows
}

/** Raises NR409 when it is not for the end of the chain, or that is signed already. */
export async function addCheckpoint(tx: Transaction<DB>, checkpoint: CheckpointRow): Promise<void> {
  const { position, hash, madeAt, kid, signature } = checkpoint
  await sql`select nora.add_audit_checkpoint(${position}, ${hash}, ${madeAt}, ${kid}, ${signature})`.execute(
    tx,
  )
}

/** Writes that the chain was found broken: facts, no content. */
export async function reportAuditBroken(db: Db, details: Record<string, unknown>): Promise<void> {
  await sql`select nora.report_audit_broken(${JSON.stringify(details)}::jsonb)`.execute(db)
}

/** Writes that another key seals and signs from here on. */
export async function reportAuditKey(tx: Transaction<DB>, kid: Buffer): Promise<void> {
  await sql`select nora.report_audit_key(${kid})`.execute(tx)
}
