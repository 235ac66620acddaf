import { type Selectable, sql } from 'kysely'
import type { Tx } from './actor.ts'
import type { AgentState, DB } from './schema.ts'

// What an operation reads and writes of its own agent and of itself. Every function runs in an operation's context.

export type AgentRow = Selectable<DB['agents']>
export type OperationRow = Selectable<DB['operations']>

/** The operation's agent as it should be now; undefined only when its row is gone. */
export async function agentOf(tx: Tx, agentId: string): Promise<AgentRow | undefined> {
  return tx.selectFrom('agents').selectAll().where('id', '=', agentId).executeTakeFirst()
}

export async function operationOf(tx: Tx, operationId: string): Promise<OperationRow | undefined> {
  return tx.selectFrom('operations').selectAll().where('id', '=', operationId).executeTakeFirst()
}

/** Notes what the operation does now; `step: null` changes the reason alone. */
export async function recordStep(
  tx: Tx,
  operationId: string,
  step: string | null,
  reason: string,
): Promise<void> {
  await tx
    .updateTable('operations')
    .set({ reason, ...(step !== null && { step, step_at: sql<Date>`now()` }) })
    .where('id', '=', operationId)
    .execute()
}

/** Sets the state that people see, with its reason. Gives the state before. */
export async function setAgentState(
  tx: Tx,
  agentId: string,
  state: AgentState,
  reason: string,
): Promise<AgentState | undefined> {
  const { rows } = await sql<{ before: AgentState }>`update agents a
    set state = ${state}, state_reason = ${reason}, updated_at = now(),
      state_changed_at = case when a.state = ${state} then a.state_changed_at else now() end
    from (select id, state as before from agents where id = ${agentId} for no key update) b
    where a.id = b.id returning b.before`.execute(tx)
  return rows[0]?.before
}

export type ContainerFacts = {
  container_id?: string | null
  container_ip?: string | null
  http_port?: number | null
  image_digest?: string | null
  disk_enforced?: boolean | null
  observed_generation?: number
  crash_count?: number
  last_crash_at?: Date | null
  unhealthy?: boolean
  keys_owed?: boolean
  failed_tries?: number
  failed_at?: Date | null
  probe?: { path: string; timeoutMs: number; expect: Record<string, unknown> } | null
}

/** Writes what is really there. */
export async function recordFacts(tx: Tx, agentId: string, facts: ContainerFacts): Promise<void> {
  const { probe, ...plain } = facts
  await tx
    .updateTable('agents')
    .set({
      ...plain,
      ...(probe !== undefined && { probe: probe && JSON.stringify(probe) }),
      updated_at: sql<Date>`now()`,
    })
    .where('id', '=', agentId)
    .execute()
}

/** One more failure in a row: the next try of reconciliation waits longer. */
export async function countFailure(tx: Tx, agentId: string): Promise<void> {
  await tx
    .updateTable('agents')
    .set({ crash_count: sql<number>`crash_count + 1`, last_crash_at: sql<Date>`clock_timestamp()` })
    .where('id', '=', agentId)
    .execute()
}

/** The end of a deleted agent; its rows stay for the audit, and no list shows it. */
export async function markDeleted(tx: Tx, agentId: string): Promise<void> {
  await tx
    .updateTable('agents')
    .set({ deleted_at: sql<Date>`now()`, updated_at: sql<Date>`now()` })
    .where('id', '=', agentId)
    .execute()
}

export type Ending = {
  status: 'succeeded' | 'failed' | 'cancelled'
  reason: string
  result?: Record<string, unknown>
  error?: Record<string, unknown>
}

/** Ends the operation. Its lease is over with it: no later write of this attempt is accepted. */
export async function finishOperation(tx: Tx, operationId: string, ending: Ending): Promise<void> {
  await tx
    .updateTable('operations')
    .set({
      status: ending.status,
      reason: ending.reason,
      finished_at: sql<Date>`clock_timestamp()`,
      result: ending.result ? JSON.stringify(ending.result) : null,
      error: ending.error ? JSON.stringify(ending.error) : null,
    })
    .where('id', '=', operationId)
    .execute()
}
