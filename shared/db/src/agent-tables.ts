import type { ColumnType, Generated } from 'kysely'
import type {
  AgentState,
  Big,
  CredentialKind,
  DesiredState,
  ExchangePermission,
  JsonDefault,
  MaybeTime,
  OperationKind,
  OperationStatus,
  Time,
  TimeDefault,
} from './columns.ts'

export type AgentsTable = {
  id: Generated<string>
  workspace_id: string
  owner_id: string
  name: string
  runtime: string
  image: string | null
  target: string
  sandbox_profile: string
  /** numeric: a string from pg, parsed to a number by the connection. */
  cpus: number
  memory_mb: number
  disk_mb: number
  pids: number
  env: JsonDefault<Record<string, string>>
  config: JsonDefault<Record<string, unknown>>
  command: ColumnType<string[] | null, string | null | undefined, string | null>
  port: number | null
  desired_state: Generated<DesiredState>
  state: Generated<AgentState>
  state_reason: Generated<string>
  state_changed_at: TimeDefault
  generation: Generated<number>
  observed_generation: Generated<number>
  keep_data: Generated<boolean>
  network_slot: number | null
  gateway_id: string | null
  container_id: string | null
  container_ip: string | null
  http_port: number | null
  image_digest: string | null
  disk_enforced: boolean | null
  keys_version: Generated<number>
  crash_count: Generated<number>
  last_crash_at: MaybeTime
  event_seq: Big
  created_at: TimeDefault
  updated_at: TimeDefault
  deleted_at: MaybeTime
  unhealthy: Generated<boolean>
  keys_owed: Generated<boolean>
  probe: ColumnType<Record<string, unknown> | null, string | null | undefined, string | null>
  failed_tries: Generated<number>
  failed_at: MaybeTime
}

export type AgentCredentialsTable = {
  workspace_id: string
  agent_id: string
  credential_id: string
  attached_at: TimeDefault
  image_digest: string | null
  synced_secret_version: number | null
  synced_at: MaybeTime
}

export type AgentSamplesTable = {
  workspace_id: string
  agent_id: string
  at: Time
  /** numeric, as `cpus`. */
  cpu_percent: number
  memory_bytes: number
  memory_limit_bytes: number
  network_rx_bytes: number
  network_tx_bytes: number
  pids: number
  disk_bytes: number | null
  disk_limit_bytes: number | null
}

export type CredentialsTable = {
  id: Generated<string>
  workspace_id: string
  owner_id: string
  kind: CredentialKind
  provider: string
  label: string
  /** Selectable by nora_worker only. */
  sealed: Buffer
  suite: Generated<number>
  key_version: number
  secret_version: Generated<number>
  destination_hosts: ColumnType<string[], string[] | undefined, string[]>
  base_url: string | null
  fingerprint: string
  shared_with_workspace: Generated<boolean>
  created_at: TimeDefault
  updated_at: TimeDefault
  last_used_at: MaybeTime
  unopened: Buffer | null
  permission: ExchangePermission | null
  wallet_address: string | null
}

export type EventsTable = {
  workspace_id: string
  agent_id: string
  seq: number
  ts: TimeDefault
  type: string
  data: JsonDefault<Record<string, unknown>>
}

export type GatewaysTable = {
  id: Generated<string>
  index: number
  worker_id: string | null
  lease_until: MaybeTime
  container_id: string | null
  control_url: string | null
  invoke_url: string | null
  control_address: string | null
  revision: Big
  updated_at: TimeDefault
}

export type GivenSecretsTable = {
  workspace_id: string
  agent_id: string
  credential_id: string
  secret_version: number
  seq: ColumnType<number, never, never>
  owner_id: string
  provider: string
  destination_hosts: ColumnType<string[], string[], string[]>
  key_version: number
  /** Selectable by nora_worker only. */
  sealed: Buffer
  given_at: TimeDefault
  superseded_at: MaybeTime
  unopened: Buffer | null
  kind: Generated<CredentialKind>
}

export type LogChunksTable = {
  workspace_id: string
  agent_id: string
  first_seq: number
  last_seq: number
  generation: number
  first_ts: Time
  last_ts: Time
  lines: number
  data: Buffer
  created_at: TimeDefault
}

export type LogFollowersTable = {
  workspace_id: string
  agent_id: string
  worker_id: string | null
  fence: Generated<number>
  lease_until: MaybeTime
  container_id: string | null
  cursor_ts: string | null
  cursor_ordinal: Generated<number>
  generation: Generated<number>
  next_seq: Big
  stored_bytes: Big
  updated_at: TimeDefault
  ended: Generated<boolean>
  settle_requested: Generated<number>
  settle_container: string | null
  settled: Generated<number>
}

export type OperationsTable = {
  id: Generated<string>
  seq: ColumnType<number, never, never>
  workspace_id: string
  agent_id: string | null
  credential_id: string | null
  kind: OperationKind
  status: Generated<OperationStatus>
  step: string | null
  step_at: MaybeTime
  reason: Generated<string>
  input: JsonDefault<Record<string, unknown>>
  result: ColumnType<Record<string, unknown> | null, string | null | undefined, string | null>
  error: ColumnType<Record<string, unknown> | null, string | null | undefined, string | null>
  requested_by: string | null
  correlation_id: string | null
  attempt: Generated<number>
  worker_id: string | null
  lease_until: MaybeTime
  not_before: TimeDefault
  deadline_at: TimeDefault
  cancel_requested_at: MaybeTime
  created_at: TimeDefault
  started_at: MaybeTime
  finished_at: MaybeTime
  api_key_id: Generated<string | null>
}

export type WorkersTable = {
  id: string
  kid8: Buffer
  key_version: number
  internal_url: string
  started_at: TimeDefault
  last_seen_at: TimeDefault
  opens: Generated<Buffer>
  version: string | null
}
