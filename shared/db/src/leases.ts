import { type Kysely, sql } from 'kysely'
import type { OperationActor } from './actor.ts'
import type { AgentState, DB, OperationKind } from './schema.ts'

/** An operation in this worker's hands; `actor` is the proof for every later write. */
export type LeasedOperation = {
  id: string
  workspaceId: string
  agentId: string | null
  credentialId: string | null
  kind: OperationKind
  /** How often it was leased, this time included; the fence. */
  attempt: number
  /** Moved on by the time for which nobody took it. */
  deadlineAt: Date
  correlationId: string | null
  cancelRequested: boolean
  actor: OperationActor
}

/**
 * Takes one operation for `leaseMs`. Undefined: it is finished, not due, held by a live worker, or an older operation of
 * the same agent is still open.
 */
export async function leaseOperation(
  db: Kysely<DB>,
  operationId: string,
  workerId: string,
  leaseMs: number,
): Promise<LeasedOperation | undefined> {
  const { rows } = await sql<Omit<LeasedOperation, 'actor'>>`select id, workspace_id as "workspaceId",
      agent_id as "agentId", credential_id as "credentialId", kind, attempt, deadline_at as "deadlineAt",
      correlation_id as "correlationId", cancel_requested as "cancelRequested"
    from nora.lease_operation(${operationId}, ${workerId}, ${interval(leaseMs)})`.execute(db)
  const row = rows[0]
  return row && { ...row, actor: { kind: 'operation', operationId: row.id, workerId, attempt: row.attempt } }
}

/** Extends the lease. Undefined: it is lost, and its holder must stop at once. */
export async function renewOperation(
  db: Kysely<DB>,
  actor: OperationActor,
  leaseMs: number,
): Promise<{ cancelRequested: boolean } | undefined> {
  const { rows } = await sql<{ cancelRequested: boolean }>`select cancel_requested as "cancelRequested"
    from nora.renew_operation(${actor.operationId}, ${actor.workerId}, ${actor.attempt}, ${interval(leaseMs)})`.execute(
    db,
  )
  return rows[0]
}

/**
 * Shows the step that begins, in one message: in the operation, in its agent's state and in its timeline. Raises NR409 when
 * the lease is lost.
 */
export async function announceStep(
  db: Kysely<DB>,
  actor: OperationActor,
  step: { step: string; state: AgentState; reason: string },
): Promise<{ cancelRequested: boolean }> {
  const { rows } = await sql<{ cancelRequested: boolean }>`select nora.announce_step(${actor.operationId},
    ${actor.workerId}, ${actor.attempt}, ${step.step}, ${step.state}, ${step.reason}) as "cancelRequested"`.execute(
    db,
  )
  return rows[0]!
}

/** Gives the operation back, due again after `delayMs`, with a reason for people. False: it was no longer ours. */
export async function releaseOperation(
  db: Kysely<DB>,
  actor: OperationActor,
  delayMs: number,
  reason: string,
): Promise<boolean> {
  const { rows } = await sql<{ released: boolean }>`select nora.release_operation(${actor.operationId},
    ${actor.workerId}, ${actor.attempt}, ${interval(delayMs)}, ${reason}) as released`.execute(db)
  return rows[0]?.released ?? false
}

/**
 * The same for an operation whose start the host guard holds: it has its whole time again from its next try on, but where
 * another one waits behind it.
 */
export async function holdOperation(
  db: Kysely<DB>,
  actor: OperationActor,
  delayMs: number,
  reason: string,
): Promise<boolean> {
  const { rows } = await sql<{ held: boolean }>`select nora.hold_operation(${actor.operationId},
    ${actor.workerId}, ${actor.attempt}, ${interval(delayMs)}, ${reason}) as held`.execute(db)
  return rows[0]?.held ?? false
}

/**
 * Ends every lease that a dead process of this worker's name still holds, at the start of a new one. There is one
 * process a name; a second one would lose its leases to the first and stop its work by the fence.
 */
export async function endLeasesOf(db: Kysely<DB>, workerId: string): Promise<void> {
  await sql`select nora.end_leases_of(${workerId})`.execute(db)
}

export type DueOperation = { id: string; dueInMs: number }

/**
 * Operations that a worker may take now (`dueInMs` 0), the longest due first: pending and due, cancelled, or leased by
 * the dead; and those that it may take within `aheadMs`.
 */
export async function dueOperations(db: Kysely<DB>, limit: number, aheadMs: number): Promise<DueOperation[]> {
  const { rows } = await sql<DueOperation>`select id, due_in_ms as "dueInMs"
    from nora.due_operations(${limit}, ${interval(aheadMs)})`.execute(db)
  return rows
}

/** Milliseconds as an interval that Postgres reads without rounding. */
export const interval = (ms: number) => sql`${`${Math.round(ms)} milliseconds`}::interval`
