import { sql } from 'kysely'
import type { Tx } from './actor.ts'
import type { OperationKind } from './schema.ts'

// What a platform admin reads of all workspaces' operations. Every function checks in Postgres that the context is a
// platform admin's session, and raises NR403 `forbidden` for anybody else.

export type QueueStatus = 'pending' | 'leased' | 'failed'

export type QueueRow = {
  seq: number
  id: string
  workspaceId: string
  agentId: string | null
  credentialId: string | null
  kind: OperationKind
  status: QueueStatus
  step: string | null
  stepAt: Date | null
  /** Of an open one what its worker wrote; of a failed one the error's message, without the program's lines. */
  reason: string
  attempt: number
  workerId: string | null
  leaseUntil: Date | null
  notBefore: Date
  deadlineAt: Date
  cancelRequestedAt: Date | null
  createdAt: Date
  finishedAt: Date | null
  /** The operation of the same agent that comes first. */
  behindId: string | null
  behindKind: OperationKind | null
}

export type Reader = { ip: string | null; correlationId: string }

/** A page of open and lately failed operations, newest first, and the audit row that says who read it. */
export async function adminQueue(
  tx: Tx,
  who: Reader,
  page: { open: boolean; failed: boolean; limit: number; before: number | null },
): Promise<QueueRow[]> {
  const { rows } = await sql<QueueRow>`select seq, id, workspace_id as "workspaceId", agent_id as "agentId",
      credential_id as "credentialId", kind, status, step, step_at as "stepAt", reason, attempt,
      worker_id as "workerId", lease_until as "leaseUntil",
      not_before as "notBefore", deadline_at as "deadlineAt", cancel_requested_at as "cancelRequestedAt",
      created_at as "createdAt", finished_at as "finishedAt", behind_id as "behindId", behind_kind as "behindKind"
    from nora.admin_queue(${page.failed}, ${page.open}, ${page.before}, ${page.limit}, ${who.ip}::inet,
      ${who.correlationId})`.execute(tx)
  return rows
}

export type QueueDepth = { status: QueueStatus; kind: OperationKind; count: number; oldestAt: Date }

/** How many of each status and kind there are, and how many workers are alive. */
export async function adminQueueDepth(tx: Tx): Promise<{ depth: QueueDepth[]; workers: number }> {
  const { rows: depth } = await sql<QueueDepth>`select status, kind, count, oldest_at as "oldestAt"
    from nora.admin_queue_depth()`.execute(tx)
  const { rows } = await sql<{ n: number }>`select nora.admin_live_workers() as n`.execute(tx)
  return { depth, workers: rows[0]!.n }
}

/** Has it tried again at once, audited. Null: it runs, or has ended well. Raises NR404 for an unknown id. */
export async function adminRetry(tx: Tx, who: Reader, operationId: string): Promise<string | null> {
  const { rows } = await sql<{ id: string | null }>`select nora.admin_retry(${operationId}, ${who.ip}::inet,
    ${who.correlationId}) as id`.execute(tx)
  return rows[0]!.id
}
