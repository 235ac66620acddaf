import type { AgentSample } from '@nora/contract/agent-metrics'
import { type Kysely, sql } from 'kysely'
import type { Tx } from './actor.ts'
import type { DB } from './schema.ts'

/** An agent that a worker is to look at, and the container that is its own. */
export type SampledAgent = { agentId: string; containerId: string }

/** What one agent used in one round. CPU: 100 is one core. Null: it is not measured. */
export type NewSample = SampledAgent & {
  cpuPercent: number
  memoryBytes: number
  memoryLimitBytes: number
  networkRxBytes: number
  networkTxBytes: number
  pids: number
  diskBytes: number | null
  diskLimitBytes: number | null
}

/** The running agents that this worker samples: those whose log it follows. */
export async function sampledAgents(db: Kysely<DB>, workerId: string): Promise<SampledAgent[]> {
  const { rows } = await sql<SampledAgent>`select agent_id as "agentId", container_id as "containerId"
    from nora.sampled_agents(${workerId})`.execute(db)
  return rows
}

/** Writes a round with one call; agents that are not this worker's any more, or have another container, are left out. */
export async function recordSamples(
  db: Kysely<DB>,
  workerId: string,
  samples: readonly NewSample[],
): Promise<number> {
  const rounds = samples.map((one) => ({
    agent_id: one.agentId,
    container_id: one.containerId,
    cpu_percent: one.cpuPercent,
    memory_bytes: one.memoryBytes,
    memory_limit_bytes: one.memoryLimitBytes,
    network_rx_bytes: one.networkRxBytes,
    network_tx_bytes: one.networkTxBytes,
    pids: one.pids,
    disk_bytes: one.diskBytes,
    disk_limit_bytes: one.diskLimitBytes,
  }))
  const { rows } = await sql<{ n: number }>`
    select nora.record_samples(${workerId}, ${JSON.stringify(rounds)}::jsonb) as n`.execute(db)
  return rows[0]!.n
}

/** Removes samples that are too old, or of agents that are deleted: at most `most` of each. Gives how many went. */
export async function trimSamples(db: Kysely<DB>, most: number): Promise<number> {
  const { rows } = await sql<{ n: number }>`select nora.trim_samples(${most}) as n`.execute(db)
  return rows[0]!.n
}

/**
 * An agent's samples at or after `from` and before `to`, one item for each step of `step` seconds that has any: averages, the
 * most processes, the last count of bytes. Steps begin at whole multiples since 1970.
 */
export async function samplesBetween(
  tx: Tx,
  agentId: string,
  range: { from: Date; to: Date; step: number },
): Promise<AgentSample[]> {
  const { rows } = await sql<Omit<AgentSample, 'ts'> & { ts: Date }>`
    select date_bin(make_interval(secs => ${range.step}), at, to_timestamp(0)) as ts,
      round(avg(cpu_percent), 2) as "cpuPercent",
      round(avg(memory_bytes))::bigint as "memoryBytes",
      max(memory_limit_bytes) as "memoryLimitBytes",
      (array_agg(network_rx_bytes order by at desc))[1] as "networkRxBytes",
      (array_agg(network_tx_bytes order by at desc))[1] as "networkTxBytes",
      max(pids) as pids,
      round(avg(disk_bytes))::bigint as "diskBytes",
      max(disk_limit_bytes) as "diskLimitBytes"
    from agent_samples
    where workspace_id = (select nora.workspace()) and agent_id = ${agentId}
      and at >= ${range.from} and at < ${range.to}
    group by 1 order by 1`.execute(tx)
  return rows.map((row) => ({ ...row, ts: row.ts.toISOString() }))
}
