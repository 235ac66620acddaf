import { type Kysely, sql } from 'kysely'
import type { Tx } from './actor.ts'
import type { DB } from './schema.ts'

/** A chunk as it is stored. Timestamps are the engine's text; Postgres keeps microseconds of them. */
export type StoredChunk = {
  firstSeq: number
  lastSeq: number
  generation: number
  firstTs: string
  lastTs: string
  lines: number
  data: Buffer
}

/** Stores new chunks of an agent. The context must be its follower's. */
export async function insertChunks(
  tx: Tx,
  agent: { id: string; workspaceId: string },
  chunks: readonly StoredChunk[],
): Promise<void> {
  if (chunks.length === 0) return
  await tx
    .insertInto('log_chunks')
    .values(
      chunks.map((chunk) => ({
        workspace_id: agent.workspaceId,
        agent_id: agent.id,
        first_seq: chunk.firstSeq,
        last_seq: chunk.lastSeq,
        generation: chunk.generation,
        first_ts: chunk.firstTs,
        last_ts: chunk.lastTs,
        lines: chunk.lines,
        data: chunk.data,
      })),
    )
    .execute()
}

/** Replaces the last, still small chunk by itself and the lines after it. False when it is not there any more. */
export async function growChunk(tx: Tx, agentId: string, chunk: StoredChunk): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('log_chunks')
    .set({ last_seq: chunk.lastSeq, last_ts: chunk.lastTs, lines: chunk.lines, data: chunk.data })
    .where('agent_id', '=', agentId)
    .where('first_seq', '=', chunk.firstSeq)
    .executeTakeFirst()
  return numUpdatedRows === 1n
}

/**
 * Deletes an agent's oldest chunks: all whose last line is older than `maxAgeDays`, and as many more as it takes to
 * free `bytes`, but never chunk `keepSeq` and later ones. Gives the bytes that went.
 */
export async function trimChunks(
  tx: Tx,
  agentId: string,
  limits: { bytes: number; maxAgeDays: number; keepSeq: number },
): Promise<number> {
  const { rows } = await sql<{ bytes: number }>`
    with old as (
      select first_seq, last_ts, sum(length(data)) over (order by first_seq) - length(data) as before
      from log_chunks where agent_id = ${agentId} and first_seq < ${limits.keepSeq}
      order by first_seq limit 2000
    ), gone as (
      delete from log_chunks c using old
      where c.agent_id = ${agentId} and c.first_seq = old.first_seq
        and (old.before < ${limits.bytes} or old.last_ts < now() - make_interval(days => ${limits.maxAgeDays}))
      returning length(c.data) as n
    )
    select coalesce(sum(n), 0)::bigint as bytes from gone`.execute(tx)
  return rows[0]?.bytes ?? 0
}

/**
 * Removes, over all agents, chunks older than `maxAgeDays` and the oldest ones beyond `totalBytes` of compressed text; at
 * most `chunks` of each. Logs that are being written at this moment are passed over.
 */
export async function trimLogs(
  db: Kysely<DB>,
  limits: { totalBytes: number; maxAgeDays: number; chunks: number },
): Promise<{ chunks: number; bytes: number }> {
  const { rows } = await sql<{ chunks: number; bytes: number }>`
    select chunks, bytes from nora.trim_logs(${limits.totalBytes}, ${limits.maxAgeDays}, ${limits.chunks})`.execute(
    db,
  )
  return rows[0] ?? { chunks: 0, bytes: 0 }
}
