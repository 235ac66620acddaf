import { sql } from 'kysely'
import type { Tx } from './actor.ts'
import { afterCursor, createdUs, decodeCursor, pageOfRows } from './cursor.ts'
import type { OperationKind, OperationStatus } from './schema.ts'

export type NewOperation = {
  workspaceId: string
  /** What it is about: an agent, or a credential for `test-key`. */
  target: { agentId: string } | { credentialId: string }
  kind: OperationKind
  requestedBy: string
  correlationId: string | null
  reason?: string
  /** Facts for whoever carries it out or cancels it; never a secret. */
  input?: Record<string, unknown>
}

/** Inserts a pending operation and gives its id. The caller rings once the transaction has committed. */
export async function insertOperation(tx: Tx, operation: NewOperation): Promise<string> {
  const row = await tx
    .insertInto('operations')
    .values({
      workspace_id: operation.workspaceId,
      agent_id: 'agentId' in operation.target ? operation.target.agentId : null,
      credential_id: 'credentialId' in operation.target ? operation.target.credentialId : null,
      kind: operation.kind,
      requested_by: operation.requestedBy,
      correlation_id: operation.correlationId,
      ...(operation.reason !== undefined && { reason: operation.reason }),
      input: JSON.stringify(operation.input ?? {}),
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return row.id
}

const shown = [
  'operations.id',
  'operations.agent_id',
  'operations.credential_id',
  'operations.kind',
  'operations.status',
  'operations.step',
  'operations.step_at',
  'operations.reason',
  'operations.result',
  'operations.error',
  'operations.requested_by',
  'operations.api_key_id',
  'operations.attempt',
  'operations.deadline_at',
  'operations.cancel_requested_at',
  'operations.created_at',
  'operations.started_at',
  'operations.finished_at',
] as const

export type OperationRow = NonNullable<Awaited<ReturnType<typeof operationOfAgent>>>

/** One operation of an agent, or undefined. */
export function operationOfAgent(tx: Tx, agentId: string, id: string) {
  return tx
    .selectFrom('operations')
    .select(shown)
    .where('agent_id', '=', agentId)
    .where('id', '=', id)
    .executeTakeFirst()
}

/** How an operation of an agent stands; undefined when there is none. */
export async function statusOfOperation(
  tx: Tx,
  agentId: string,
  id: string,
): Promise<OperationStatus | undefined> {
  const row = await tx
    .selectFrom('operations')
    .select('status')
    .where('agent_id', '=', agentId)
    .where('id', '=', id)
    .executeTakeFirst()
  return row?.status
}

/** One operation about a credential, or undefined. */
export function operationOfCredential(tx: Tx, credentialId: string, id: string) {
  return tx
    .selectFrom('operations')
    .select(shown)
    .where('credential_id', '=', credentialId)
    .where('id', '=', id)
    .executeTakeFirst()
}

/** An agent's operations, newest first. */
export async function listOperations(tx: Tx, agentId: string, page: { limit: number; cursor?: string }) {
  const query = tx
    .selectFrom('operations')
    .select(shown)
    .select(createdUs('operations').as('created_us'))
    .where('agent_id', '=', agentId)
    .where('workspace_id', '=', sql<string>`(select nora.workspace())`)
    .orderBy('operations.created_at', 'desc')
    .orderBy('operations.id', 'desc')
    .limit(page.limit + 1)
  const rows = await (page.cursor === undefined
    ? query
    : query.where(afterCursor('operations', decodeCursor(page.cursor)))
  ).execute()
  return pageOfRows(rows, page.limit)
}

export type OpenOperation = Awaited<ReturnType<typeof openOperations>>[number]

/**
 * The operations of these agents that have not ended, in the order in which they will run, locked. Every write of a
 * worker begins with its operation's lock, so until this transaction ends no worker writes about these agents.
 */
export function openOperations(tx: Tx, agentIds: readonly string[]) {
  return tx
    .selectFrom('operations')
    .select(['id', 'seq', 'agent_id', 'kind', 'status', 'input', 'cancel_requested_at', 'started_at'])
    .where('agent_id', 'in', agentIds.length > 0 ? [...agentIds] : [sql<string>`null`])
    .where('status', 'in', ['pending', 'leased'])
    .orderBy('seq')
    .forNoKeyUpdate()
    .execute()
}

/** The open test of a credential, if there is one. */
export function openTest(tx: Tx, credentialId: string) {
  return tx
    .selectFrom('operations')
    .select('id')
    .where('credential_id', '=', credentialId)
    .where('status', 'in', ['pending', 'leased'])
    .executeTakeFirst()
}

/**
 * Cancels an operation that the caller holds locked: at once when no worker has it, else by asking the worker.
 * Gives which of the two happened.
 */
export async function cancelOperation(
  tx: Tx,
  operation: { id: string; status: 'pending' | 'leased' },
  reason: string,
): Promise<'cancelled' | 'requested'> {
  if (operation.status === 'pending') {
    await tx
      .updateTable('operations')
      .set({
        status: 'cancelled',
        reason,
        finished_at: sql<Date>`now()`,
        cancel_requested_at: sql<Date>`now()`,
      })
      .where('id', '=', operation.id)
      .where('status', '=', 'pending')
      .execute()
    return 'cancelled'
  }
  await tx
    .updateTable('operations')
    .set({ cancel_requested_at: sql<Date>`coalesce(cancel_requested_at, now())` })
    .where('id', '=', operation.id)
    .execute()
  return 'requested'
}
