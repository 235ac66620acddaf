import { type Kysely, sql } from 'kysely'
import type { Tx } from './actor.ts'
import type { DB } from './schema.ts'

/** An agent whose log is free to follow, or followed by the asking worker already. */
export type Followable = {
  agentId: string
  /** The container to follow: the agent's, or the one that somebody waits to remove. */
  containerId: string | null
  generation: number
  state: string
  settleRequested: number
  /** Whether this worker holds the lease. */
  held: boolean
}

/** Every agent with a container whose log nobody else follows (`nora.followable`). */
export async function followable(db: Kysely<DB>, workerId: string): Promise<Followable[]> {
  const { rows } = await sql<Followable>`
    select agent_id as "agentId", container_id as "containerId", generation, state,
      settle_requested as "settleRequested", held
    from nora.followable(${workerId})`.execute(db)
  return rows
}

/** Takes the lease of one agent's log; the fence it gives proves it. Null: another worker holds it, or the agent is gone. */
export async function leaseFollower(
  db: Kysely<DB>,
  agentId: string,
  workerId: string,
  leaseMs: number,
): Promise<number | null> {
  const { rows } = await sql<{ fence: number | null }>`
    select nora.lease_follower(${agentId}, ${workerId}, ${interval(leaseMs)}) as fence`.execute(db)
  return rows[0]?.fence ?? null
}

/** Extends all of a worker's leases in one call, but for those that a transaction is writing under at this moment. */
export async function renewFollowers(
  db: Kysely<DB>,
  workerId: string,
  leaseMs: number,
): Promise<{ agentId: string; fence: number }[]> {
  const { rows } = await sql<{ agentId: string; fence: number }>`
    select agent_id as "agentId", fence from nora.renew_followers(${workerId}, ${interval(leaseMs)})`.execute(
    db,
  )
  return rows
}

/** Gives a lease back, so that another worker need not wait for its end. */
export async function releaseFollower(
  db: Kysely<DB>,
  agentId: string,
  workerId: string,
  fence: number,
): Promise<void> {
  await sql`select nora.release_follower(${agentId}, ${workerId}, ${fence})`.execute(db)
}

/** Asks that a container's log be read to its end; gives the number to ask for, or null when the agent is gone. */
export async function requestSettle(
  db: Kysely<DB>,
  agentId: string,
  containerId: string,
): Promise<number | null> {
  const { rows } = await sql<{ request: number | null }>`
    select nora.request_settle(${agentId}, ${containerId}) as request`.execute(db)
  return rows[0]?.request ?? null
}

/** Whether the log was read to its end since request `request`. */
export async function isSettled(db: Kysely<DB>, agentId: string, request: number): Promise<boolean> {
  const { rows } = await sql<{ settled: boolean }>`
    select nora.is_settled(${agentId}, ${request}) as settled`.execute(db)
  return rows[0]?.settled ?? false
}

/** Takes a request back that was not answered in time. */
export async function endSettle(db: Kysely<DB>, agentId: string, request: number): Promise<void> {
  await sql`select nora.end_settle(${agentId}, ${request})`.execute(db)
}

/** Where a follower goes on: the cursor of the last line stored, the next number, what is kept. */
export type FollowerState = {
  containerId: string | null
  cursorTs: string | null
  cursorOrdinal: number
  generation: number
  nextSeq: number
  storedBytes: number
  ended: boolean
  settled: number
}

/** Reads it in the follower's own context; undefined when the agent is gone. */
export async function readFollower(tx: Tx, agentId: string): Promise<FollowerState | undefined> {
  return tx
    .selectFrom('log_followers')
    .select([
      'container_id as containerId',
      'cursor_ts as cursorTs',
      'cursor_ordinal as cursorOrdinal',
      'generation',
      'next_seq as nextSeq',
      'stored_bytes as storedBytes',
      'ended',
      'settled',
    ])
    .where('agent_id', '=', agentId)
    .executeTakeFirst()
}

/**
 * Moves cursor and counters, and extends the lease, in the transaction that stored the lines. `addedBytes` is by how much
 * what is kept grew; what is kept now is the answer. Undefined, and nothing is done, when `next_seq` is not what the follower believes, or when the agent was given a secret since `givenSeq`: its
 * lines may hold one that was not looked for.
 */
export async function saveFollower(
  tx: Tx,
  agentId: string,
  expected: { nextSeq: number; givenSeq: number },
  state: FollowerState & { addedBytes: number },
  leaseMs: number,
): Promise<number | undefined> {
  const row = await tx
    .updateTable('log_followers')
    .set({
      container_id: state.containerId,
      cursor_ts: state.cursorTs,
      cursor_ordinal: state.cursorOrdinal,
      generation: state.generation,
      next_seq: state.nextSeq,
      // Housekeeping takes from it too.
      stored_bytes: sql<number>`greatest(0, stored_bytes + ${state.addedBytes}::bigint)`,
      ended: state.ended,
      settled: sql<number>`greatest(settled, ${state.settled}::int)`,
      lease_until: sql<Date>`clock_timestamp() + ${interval(leaseMs)}`,
      updated_at: sql<Date>`now()`,
    })
    .where('agent_id', '=', agentId)
    .where('next_seq', '=', expected.nextSeq)
    .where(
      sql`coalesce((select max(seq) from given_secrets g where g.agent_id = ${agentId}), 0)`,
      '=',
      expected.givenSeq,
    )
    .returning('stored_bytes')
    .executeTakeFirst()
  return row?.stored_bytes
}

const interval = (ms: number) => sql`make_interval(secs => ${ms / 1000})`
