import { sql } from 'kysely'
import type { Tx } from './actor.ts'
import { type Cursor, decodeCursor, encodeCursor } from './cursor.ts'
import type { AgentState, DesiredState, OperationKind, OperationStatus } from './schema.ts'

export type AdminAgentRow = {
  id: string
  name: string
  workspaceId: string
  workspaceName: string
  ownerId: string
  ownerEmail: string
  runtime: string
  target: string
  sandboxProfile: string
  cpus: number
  memoryMb: number
  diskMb: number
  pids: number
  diskEnforced: boolean | null
  state: AgentState
  stateSince: Date
  desiredState: DesiredState
  unhealthy: boolean
  crashCount: number
  generation: number
  observedGeneration: number
  createdAt: Date
  updatedAt: Date
  createdUs: number
  /** Of its newest operation; null where nothing was ever asked of it. */
  operationId: string | null
  operationKind: OperationKind | null
  operationStatus: OperationStatus | null
  attempt: number | null
  /** Without what the program printed. */
  why: string | null
  worker: string | null
}

export type FleetFilter = {
  state?: AgentState | undefined
  workspace?: string | undefined
  owner?: string | undefined
  cursor?: string | undefined
  limit: number
}

/** A page of all agents that are not deleted, newest first. Inside `withAdminRead`. DomainError `bad-request` for a foreign cursor. */
export async function adminAgents(
  tx: Tx,
  { state, workspace, owner, cursor, limit }: FleetFilter,
): Promise<{ rows: AdminAgentRow[]; nextCursor: string | null }> {
  const conditions = [
    sql`a.deleted_at is null`,
    ...(state === undefined ? [] : [sql`a.state = ${state}`]),
    ...(workspace === undefined ? [] : [sql`a.workspace_id = ${workspace}`]),
    ...(owner === undefined ? [] : [sql`a.owner_id = ${owner}`]),
    ...(cursor === undefined ? [] : [after(decodeCursor(cursor))]),
  ]
  // By workspace there is an index in the order that people's own lists have; the others have nulls last (migrations/0020-4).
  const order =
    workspace === undefined
      ? sql`a.created_at desc nulls last, a.id desc nulls last`
      : sql`a.created_at desc, a.id desc`
  // The page first, then what belongs to its rows: never a join with everybody's.
  const { rows } = await sql<AdminAgentRow>`with page as materialized (
      select a.id, a.name, a.workspace_id, a.owner_id, a.runtime, a.target, a.sandbox_profile, a.cpus, a.memory_mb, a.disk_mb, a.pids,
        a.disk_enforced, a.state, a.state_changed_at, a.desired_state, a.unhealthy, a.crash_count, a.generation,
        a.observed_generation, a.created_at, a.updated_at from agents a
      where ${sql.join(conditions, sql` and `)} order by ${order} limit ${limit + 1})
    select p.id, p.name, p.workspace_id as "workspaceId", w.name as "workspaceName", p.owner_id as "ownerId",
      u.email as "ownerEmail", p.runtime, p.target, p.sandbox_profile as "sandboxProfile", p.cpus, p.memory_mb as "memoryMb",
      p.disk_mb as "diskMb", p.pids, p.disk_enforced as "diskEnforced", p.state, p.state_changed_at as "stateSince",
      p.desired_state as "desiredState", p.unhealthy, p.crash_count as "crashCount", p.generation,
      p.observed_generation as "observedGeneration", p.created_at as "createdAt", p.updated_at as "updatedAt",
      (extract(epoch from p.created_at) * 1000000)::bigint as "createdUs",
      o.id as "operationId", o.kind as "operationKind", o.status as "operationStatus", o.attempt,
      nora.operation_words(o.id) as why,
      coalesce(case when o.status = 'leased' then o.worker_id end, case when f.lease_until > now() then f.worker_id end) as worker
    from page p join workspaces w on w.id = p.workspace_id join users u on u.id = p.owner_id
    left join lateral (select x.id, x.kind, x.status, x.attempt, x.worker_id from operations x
      where x.workspace_id = p.workspace_id and x.agent_id = p.id order by x.seq desc limit 1) o on true
    left join log_followers f on f.workspace_id = p.workspace_id and f.agent_id = p.id
    order by p.created_at desc, p.id desc`.execute(tx)
  const page = rows.slice(0, limit)
  const last = rows.length > limit ? page.at(-1) : undefined
  return { rows: page, nextCursor: last ? encodeCursor(last) : null }
}

const after = ({ createdUs, id }: Cursor) =>
  sql`(a.created_at, a.id) < (timestamptz 'epoch' + ${createdUs}::bigint * interval '1 microsecond', ${id}::uuid)`
