import type { Agent, AgentSummary } from '@nora/contract/agents'
import type { AgentRow, AgentSummaryRow } from '@nora/db/agent-reads'
import { operationSummary, utc } from './operation-view.ts'

/** An agent as lists show it. */
export function agentSummary(row: AgentSummaryRow): AgentSummary {
  return {
    id: row.id,
    name: row.name,
    runtime: row.runtime,
    image: row.image,
    target: row.target,
    sandboxProfile: row.sandbox_profile,
    resources: { cpus: row.cpus, memoryMb: row.memory_mb, diskMb: row.disk_mb, pids: row.pids },
    diskEnforced: row.disk_enforced,
    state: row.state,
    stateReason: row.state_reason,
    desiredState: row.desired_state,
    generation: row.generation,
    observedGeneration: row.observed_generation,
    providerKeys: row.keys.map((key) => ({
      id: key.id,
      label: key.label,
      syncedSecretVersion: key.synced_secret_version,
      syncedAt: key.synced_at === null ? null : utc(key.synced_at),
    })),
    createdBy: row.owner_id,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
    operation: row.operation === null ? null : operationSummary(row.operation),
  }
}

/** An agent as its own page shows it. */
export function agentView(row: AgentRow): Agent {
  return { ...agentSummary(row), env: row.env, config: row.config, command: row.command, port: row.port }
}
