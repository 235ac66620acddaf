import { type Kysely, sql } from 'kysely'
import type { Tx } from './actor.ts'
import { interval } from './leases.ts'
import type { AgentState, DB, DesiredState } from './schema.ts'

/** One agent as reconciliation sees it: states and ids, nothing of what a tenant wrote. */
export type FleetAgent = {
  agentId: string
  workspaceId: string
  generation: number
  /** The generation that was last made to run. */
  observedGeneration: number
  desiredState: DesiredState
  state: AgentState
  containerId: string | null
  containerIp: string | null
  httpPort: number | null
  networkSlot: number | null
  gatewayId: string | null
  diskEnforced: boolean | null
  diskMb: number
  crashCount: number
  lastCrashAt: Date | null
  openOperation: boolean
  /** A key is still to be taken out of it. */
  keysOwed: boolean
  /** Failures in a row on its program, which runs on, that looking again may mend; and when the last one was. */
  failedTries: number
  failedAt: Date | null
}

/** Every agent that is or may still be somewhere, with one query. */
export async function fleet(db: Kysely<DB> | Tx): Promise<FleetAgent[]> {
  const { rows } =
    await sql<FleetAgent>`select agent_id as "agentId", workspace_id as "workspaceId", generation,
      observed_generation as "observedGeneration", desired_state as "desiredState", state,
      container_id as "containerId", container_ip as "containerIp", http_port as "httpPort",
      network_slot as "networkSlot", gateway_id as "gatewayId", disk_enforced as "diskEnforced", disk_mb as "diskMb",
      crash_count as "crashCount", last_crash_at as "lastCrashAt", open_operation as "openOperation",
      keys_owed as "keysOwed", failed_tries as "failedTries", failed_at as "failedAt"
    from nora.fleet()`.execute(db)
  return rows
}

export type ProbedAgent = {
  agentId: string
  gatewayId: string
  /** As it was last written: its program did not answer. */
  unhealthy: boolean
  probe: { path: string; timeoutMs: number; expect: Record<string, string | number | boolean> }
}

/** Running agents with a health check, on the gateways that this worker keeps, that no operation works on. */
export async function probedAgents(db: Kysely<DB>, workerId: string): Promise<ProbedAgent[]> {
  const { rows } =
    await sql<ProbedAgent>`select agent_id as "agentId", gateway_id as "gatewayId", unhealthy, probe
    from nora.probed_agents(${workerId})`.execute(db)
  return rows
}

/** Of these agents, those that were deleted with their data: a row says so. Unknown ids are not among them. */
export async function agentsWithoutData(db: Kysely<DB>, agentIds: readonly string[]): Promise<string[]> {
  const { rows } = await sql<{
    id: string
  }>`select id from nora.agents_without_data(${[...agentIds]}::uuid[]) id`.execute(db)
  return rows.map(({ id }) => id)
}

/** Asks for an operation on an agent that has drifted; its timeline then tells the reason. Null: one is open already, or the agent is gone. */
export async function requestOperation(
  db: Kysely<DB>,
  request: { agentId: string; kind: 'reconcile' | 'stop'; reason: string; delayMs: number },
): Promise<string | null> {
  const { rows } = await sql<{ id: string | null }>`select nora.request_operation(${request.agentId},
    ${request.kind}, ${request.reason}, ${interval(request.delayMs)}) as id`.execute(db)
  return rows[0]?.id ?? null
}

/**
 * The number of the agent's own /29 within a pool of `slots`: stable once given. In an operation's context only.
 * Raises NR409 `network pool exhausted`.
 */
export async function networkSlot(tx: Tx, slots: number): Promise<number> {
  const { rows } = await sql<{ slot: number }>`select nora.network_slot(${slots}) as slot`.execute(tx)
  return rows[0]!.slot
}

/** Another number for the agent, the next free one: the engine keeps the addresses of its own from everybody. */
export async function moveNetworkSlot(tx: Tx, slots: number): Promise<number> {
  const { rows } = await sql<{ slot: number }>`select nora.move_network_slot(${slots}) as slot`.execute(tx)
  return rows[0]!.slot
}

/** Gives a deleted agent's network number and gateway place back. In its delete operation's context only. */
export async function releaseNetworkSlot(tx: Tx): Promise<void> {
  await sql`select nora.release_network_slot()`.execute(tx)
}

/** The gateway the agent hangs on: the one it has, else the first with fewer than `capacity` agents, else a new one. */
export async function assignGateway(tx: Tx, capacity: number): Promise<string> {
  const { rows } = await sql<{ id: string }>`select nora.assign_gateway(${capacity}) as id`.execute(tx)
  return rows[0]!.id
}

/** Removes rows that have an end by themselves (idempotency keys, streams, sessions, dead workers); gives how many. */
export async function expireRows(db: Kysely<DB>): Promise<number> {
  const { rows } = await sql<{ n: number }>`select nora.expire_rows() as n`.execute(db)
  return rows[0]!.n
}

export type SecurityEvent = {
  type: 'ORPHAN_REMOVED' | 'CAPABILITY_REFUSED' | 'SECRET_OPEN_FAILED' | 'NAME_TAKEN' | 'PASSKEY_WORD_REFUSED'
  workspaceId: string | null
  target: { kind: string; id: string }
  /** Facts without secrets. */
  details: Record<string, unknown>
}

/** Writes an audit row about the machinery itself. */
export async function reportSecurityEvent(db: Kysely<DB> | Tx, event: SecurityEvent): Promise<void> {
  await sql`select nora.report_security_event(${event.type}, ${event.workspaceId}, ${event.target.kind},
    ${event.target.id}, ${JSON.stringify(event.details)}::jsonb)`.execute(db)
}
