import { type Kysely, sql } from 'kysely'
import type { Tx } from './actor.ts'
import type { AdminProof } from './admin-session.ts'
import type { DB, OperationKind } from './schema.ts'
import type { Origin } from './workspaces.ts'

// What a platform admin reads of all workspaces' operations, inside `withAdminRead`.

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

const unfinished = sql`o.status in ('pending', 'leased')`
const failedLately = sql`o.status = 'failed' and o.finished_at > now() - interval '24 hours'`

/** A page of open and lately failed operations, newest first. */
export async function adminQueue(
  tx: Tx,
  { open, failed, limit, before }: { open: boolean; failed: boolean; limit: number; before: number | null },
): Promise<QueueRow[]> {
  const columns = sql`o.seq, o.id, o.workspace_id, o.agent_id, o.credential_id, o.kind, o.status, o.step, o.step_at, o.attempt,
    o.worker_id, o.lease_until, o.not_before, o.deadline_at, o.cancel_requested_at, o.created_at, o.finished_at`
  const part = (which: typeof unfinished) => sql`(select ${columns} from operations o where ${which}
    and (${before}::bigint is null or o.seq < ${before}::bigint) order by o.seq desc nulls last limit ${limit})`
  // Each by its own index: what failed long ago is not looked at.
  const parts = [...(open ? [part(unfinished)] : []), ...(failed ? [part(failedLately)] : [])]
  const { rows } = await sql<QueueRow>`with page as materialized (
      select * from (${sql.join(parts, sql` union all `)}) both_parts order by seq desc limit ${limit})
    select p.seq, p.id, p.workspace_id as "workspaceId", p.agent_id as "agentId", p.credential_id as "credentialId", p.kind, p.status,
      p.step, p.step_at as "stepAt", nora.operation_words(p.id) as reason, p.attempt, p.worker_id as "workerId",
      p.lease_until as "leaseUntil", p.not_before as "notBefore", p.deadline_at as "deadlineAt",
      p.cancel_requested_at as "cancelRequestedAt", p.created_at as "createdAt", p.finished_at as "finishedAt",
      e.id as "behindId", e.kind as "behindKind"
    from page p left join lateral (select x.id, x.kind from operations x where x.agent_id = p.agent_id and x.seq < p.seq
      and x.status in ('pending', 'leased') and p.status = 'pending' order by x.seq limit 1) e on true
    order by p.seq desc`.execute(tx)
  return rows
}

export type QueueDepth = { status: QueueStatus; kind: OperationKind; count: number; oldestAt: Date }

/** How many of each status and kind there are, and how many workers are alive. */
export async function adminQueueDepth(tx: Tx): Promise<{ depth: QueueDepth[]; workers: number }> {
  const counted = (
    which: typeof unfinished,
  ) => sql`select o.status, o.kind, count(*) as count, min(o.created_at) as "oldestAt"
    from operations o where ${which} group by o.status, o.kind`
  const { rows: depth } =
    await sql<QueueDepth>`select * from (${counted(unfinished)} union all ${counted(failedLately)}) d
    order by status, kind`.execute(tx)
  const { rows } = await sql<{ n: number }>`select count(*) as n from workers w
    where w.last_seen_at > now() - interval '15 seconds'`.execute(tx)
  return { depth, workers: rows[0]!.n }
}

/**
 * Has it tried again at once, audited. Null: it runs, or has ended well. Raises NR401, NR403 `step-up-required`, NR404 for an
 * unknown id.
 */
export async function adminRetry(
  db: Kysely<DB>,
  admin: AdminProof,
  operationId: string,
  from: Origin,
): Promise<string | null> {
  const { rows } = await sql<{
    id: string | null
  }>`select nora.admin_retry(${admin.sessionId}, ${admin.secret}, ${operationId},
    ${from.ip}::inet, ${from.correlationId}) as id`.execute(db)
  return rows[0]!.id
}
