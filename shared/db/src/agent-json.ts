import { iso } from './iso-time.ts'

const keys = `(select coalesce(json_agg(k), '[]') from (
    select ac.credential_id as id, c.label, ac.synced_secret_version as "syncedSecretVersion", ${iso('ac.synced_at')} as "syncedAt"
    from agent_credentials ac left join credentials c on c.workspace_id = ac.workspace_id and c.id = ac.credential_id
    where ac.workspace_id = a.workspace_id and ac.agent_id = a.id order by ac.attached_at, ac.credential_id) k)`

// A worker's error always has a code and a message; the rest of it is passed as it is.
const operation = `(select row_to_json(o) from (
    select o.id, o.kind, case o.status when 'pending' then 'queued' when 'leased' then 'running' else o.status end as status,
      o.step, o.reason, ${iso('o.created_at')} as "createdAt", ${iso('o.finished_at')} as "finishedAt",
      '{"code": "internal", "message": "it failed without a reason"}'::jsonb || o.error as error
    from operations o where o.workspace_id = a.workspace_id and o.agent_id = a.id order by o.seq desc limit 1) o)`

/**
 * The columns of contract's `AgentSummary` from `agents a`, to be made JSON by Postgres. A page of fifty is 1,200 values with
 * 250 times: built there it costs the api a tenth.
 */
export const agentSummaryColumns = `a.id, a.name, a.runtime, a.image, a.target, a.sandbox_profile as "sandboxProfile",
  (select row_to_json(r) from (select a.cpus, a.memory_mb as "memoryMb", a.disk_mb as "diskMb", a.pids) r) as resources,
  a.disk_enforced as "diskEnforced", a.state, a.state_reason as "stateReason", a.desired_state as "desiredState", a.generation,
  a.observed_generation as "observedGeneration", ${keys} as "providerKeys", a.owner_id as "createdBy",
  ${iso('a.created_at')} as "createdAt", ${iso('a.updated_at')} as "updatedAt", ${operation} as operation`

/** The columns of contract's `Agent`. */
export const agentColumns = `${agentSummaryColumns}, a.env, a.config, a.command, a.port`
