import { type Kysely, sql } from 'kysely'
import type { DB } from './schema.ts'

/** A place of the chain with the raw columns of its row; `seq` of the row is null where the row is gone. */
export type RawChainRow = {
  position: number
  previous: Buffer
  hash: Buffer
  chained_seq: number
  row: Record<string, string | number | null> | null
}

/** What else an auditor compares. */
export type AuditExtras = {
  checkpoints: { position: number; hash: Buffer; madeAt: Date; kid: Buffer; signature: Buffer }[]
  head: { position: number; hash: Buffer } | undefined
  /** Rows that wait, and the age of the first in milliseconds. */
  waiting: number
  waitingMs: number
  /** Numbers of rows that are neither in the chain nor waiting: the first hundred. */
  outside: number[]
  /** Milliseconds since the first row after this place was written; null: there is none. */
  ageAfter(position: number): Promise<number | null>
}

const page = 1_000

/**
 * Gives an auditor (a superuser, or a member of nora_audit) one consistent view of the audit's tables. Raises 42501 for
 * roles that may not look. The rows are the raw columns: nothing that a changed function of the database says is believed.
 */
export async function readingAudit<T>(
  db: Kysely<DB>,
  run: (chain: AsyncIterable<RawChainRow>, extras: AuditExtras) => Promise<T>,
): Promise<T> {
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (tx) => {
      await sql`set transaction read only`.execute(tx)
      await sql`select set_config('statement_timeout', '300000', true)`.execute(tx)
      return run(chainOf(tx), await extrasOf(tx))
    })
}

async function* chainOf(tx: Kysely<DB>): AsyncIterable<RawChainRow> {
  let [position, seq] = [0, 0]
  for (;;) {
    const { rows } = await sql<RawChainRow>`select c.position, c.previous, c.hash, c.seq as chained_seq,
        case when a.seq is not null then json_build_object('actor_id', a.actor_id, 'actor_kind', a.actor_kind,
          'correlation_id', a.correlation_id, 'details', a.details::text, 'event_type', a.event_type, 'id', a.id::text,
          'ip', a.ip::text, 'seq', a.seq, 'target_id', a.target_id, 'target_kind', a.target_kind,
          'timestamp', to_char(a.ts at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
          'workspace_id', a.workspace_id::text) end as row
      from nora.audit_chain c left join nora.audit_log a on a.seq = c.seq
      where (c.position, c.seq) > (${position}, ${seq}) order by c.position, c.seq limit ${page}`.execute(tx)
    yield* rows
    const last = rows.at(-1)
    if (!last || rows.length < page) return
    ;[position, seq] = [last.position, last.chained_seq]
  }
}

async function extrasOf(tx: Kysely<DB>): Promise<AuditExtras> {
  const checkpoints = await sql<
    AuditExtras['checkpoints'][number]
  >`select position, hash, made_at as "madeAt", kid,
    signature from nora.audit_checkpoints order by position`.execute(tx)
  const head = await sql<{
    position: number
    hash: Buffer
  }>`select position, hash from nora.audit_head`.execute(tx)
  const waiting = await sql<{ waiting: number; waitingMs: number }>`select count(*)::int as waiting,
    coalesce(1000 * extract(epoch from now() - min(since)), 0)::bigint as "waitingMs" from nora.audit_pending`.execute(
    tx,
  )
  const outside = await sql<{ seq: number }>`select a.seq from nora.audit_log a
    where not exists (select 1 from nora.audit_chain c where c.seq = a.seq)
      and not exists (select 1 from nora.audit_pending p where p.seq = a.seq) order by a.seq limit 100`.execute(
    tx,
  )
  return {
    checkpoints: checkpoints.rows,
    head: head.rows[0],
    ...waiting.rows[0]!,
    outside: outside.rows.map((row) => row.seq),
    ageAfter: async (position) => {
      const { rows } = await sql<{
        ms: number | null
      }>`select (1000 * extract(epoch from now() - min(a.ts)))::bigint as ms
        from nora.audit_chain c join nora.audit_log a on a.seq = c.seq where c.position > ${position}`.execute(
        tx,
      )
      return rows[0]!.ms
    },
  }
}
