import { type Kysely, sql } from 'kysely'
import type { Tx } from './actor.ts'
import type { DB } from './schema.ts'

// Terminals as the worker that has them keeps them. What begins one, or comes back to one, is asked in a viewer's context.

export type BegunExec = { execId: string; containerId: string; userId: string }

/**
 * Begins a terminal for a stream that was redeemed within a minute, audited. Raises NR403 `forbidden`, NR404 `not-found`, NR409
 * `agent-not-running`, NR429 `too-many`.
 */
export async function beginExec(tx: Tx, streamId: string, workerId: string): Promise<BegunExec> {
  const { rows } = await sql<BegunExec>`
    select exec_id as "execId", container_id as "containerId", user_id as "userId"
    from nora.begin_exec(${streamId}, ${workerId})`.execute(tx)
  return rows[0]!
}

/** Whether the stream's viewer may come back to this worker's terminal: the same person in the same sign-in. NR403 as above. */
export async function mayAttachExec(
  tx: Tx,
  streamId: string,
  execId: string,
  workerId: string,
): Promise<boolean> {
  const { rows } = await sql<{ may: boolean }>`
    select nora.may_attach_exec(${streamId}, ${execId}, ${workerId}) as may`.execute(tx)
  return rows[0]!.may
}

/** Notes where a terminal's processes are: its shell's process id in this run of its container. */
export async function noteExec(
  db: Kysely<DB>,
  execId: string,
  workerId: string,
  place: { run: string; leader: number },
): Promise<void> {
  await sql`select nora.note_exec(${execId}, ${workerId}, ${place.run}, ${place.leader})`.execute(db)
}

export type ExecEnd = {
  /** A word for the audit. */
  how: string
  exitCode?: number | undefined
  /** Processes of it may still be there. */
  leftovers?: boolean
}

/** Ends a terminal of this worker's, audited; false when it had ended already. */
export async function endExec(
  db: Kysely<DB>,
  execId: string,
  workerId: string,
  end: ExecEnd,
): Promise<boolean> {
  const { rows } = await sql<{ ended: boolean }>`
    select nora.end_exec(${execId}, ${workerId}, ${end.how}, ${end.exitCode ?? null}::int,
      ${end.leftovers === true}) as ended`.execute(db)
  return rows[0]!.ended
}

export type LostExec = {
  execId: string
  agentId: string
  containerId: string
  /** Null where they were never noted. */
  run: string | null
  leader: number | null
}

/** Takes over terminals whose worker is gone, and those under this worker's name that are not among `ownIds`: to be ended. */
export async function lostExecs(
  db: Kysely<DB>,
  workerId: string,
  ownIds: readonly string[],
): Promise<LostExec[]> {
  const { rows } = await sql<LostExec>`
    select exec_id as "execId", agent_id as "agentId", container_id as "containerId", container_run as run, leader
    from nora.lost_execs(${workerId}, ${[...ownIds]}::uuid[])`.execute(db)
  return rows
}
