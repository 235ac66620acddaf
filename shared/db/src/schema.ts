import type { ColumnType, Generated } from 'kysely'

/** What each table of schema `nora` holds, as rows come back from pg. A test compares this file with a real database. */
export type DB = {
  agents: AgentsTable
  agent_credentials: AgentCredentialsTable
  audit_log: AuditLogTable
  credentials: CredentialsTable
  events: EventsTable
  gateways: GatewaysTable
  idempotency_keys: IdempotencyKeysTable
  log_chunks: LogChunksTable
  log_followers: LogFollowersTable
  memberships: MembershipsTable
  operations: OperationsTable
  sessions: SessionsTable
  streams: StreamsTable
  users: UsersTable
  workers: WorkersTable
  workspaces: WorkspacesTable
}

type Json<T = unknown> = ColumnType<T, string, string>
type JsonDefault<T = unknown> = ColumnType<T, string | undefined, string>
/** bigint comes back as a string from pg; the connection parses it to a number (all ours stay below 2^53). */
type Big = ColumnType<number, number | undefined, number>
type Time = ColumnType<Date, Date | string, Date | string>
type TimeDefault = ColumnType<Date, Date | string | undefined, Date | string>
type MaybeTime = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>

export type AgentState =
  | 'queued'
  | 'provisioning'
  | 'running'
  | 'stopping'
  | 'stopped'
  | 'degraded'
  | 'error'
  | 'deleting'
export type DesiredState = 'running' | 'stopped' | 'deleted'
export type OperationKind =
  | 'provision'
  | 'start'
  | 'stop'
  | 'restart'
  | 'redeploy'
  | 'sync-keys'
  | 'reconcile'
  | 'delete'
  | 'test-key'
export type OperationStatus = 'pending' | 'leased' | 'succeeded' | 'failed' | 'cancelled'
export type CredentialKind = 'llm' | 'integration' | 'exchange'
export type WorkspaceRole = 'viewer' | 'editor' | 'admin' | 'owner'
export type StreamKind = 'logs' | 'exec' | 'metrics'

type AgentsTable = {
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
}

type AgentCredentialsTable = {
  workspace_id: string
  agent_id: string
  credential_id: string
  attached_at: TimeDefault
  image_digest: string | null
  synced_secret_version: number | null
  synced_at: MaybeTime
}

type AuditLogTable = {
  seq: ColumnType<number, never, never>
  id: Generated<string>
  ts: TimeDefault
  event_type: string
  actor_kind: 'user' | 'operation' | 'system' | 'anonymous'
  actor_id: string | null
  workspace_id: string | null
  target_kind: string | null
  target_id: string | null
  ip: string | null
  correlation_id: string | null
  details: JsonDefault<Record<string, unknown>>
}

type CredentialsTable = {
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
}

type EventsTable = {
  workspace_id: string
  agent_id: string
  seq: number
  ts: TimeDefault
  type: string
  data: JsonDefault<Record<string, unknown>>
}

type GatewaysTable = {
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

type IdempotencyKeysTable = {
  workspace_id: string
  user_id: string
  key: string
  request_hash: Buffer
  status: number | null
  location: string | null
  body: Json | null
  replayable: Generated<boolean>
  created_at: TimeDefault
}

type LogChunksTable = {
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

type LogFollowersTable = {
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
}

type MembershipsTable = {
  workspace_id: string
  user_id: string
  role: WorkspaceRole
  created_at: TimeDefault
}

type OperationsTable = {
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
}

type SessionsTable = {
  id: Generated<string>
  user_id: string
  transport: 'cookie' | 'bearer'
  /** Never selectable by the api. */
  secret_hash: Buffer
  ip: string | null
  user_agent: string | null
  created_at: TimeDefault
  last_seen_at: TimeDefault
  stepped_up_until: MaybeTime
  idle_expires_at: Time
  expires_at: Time
  revoked_at: MaybeTime
  revoked_reason: string | null
}

type StreamsTable = {
  id: Generated<string>
  workspace_id: string
  agent_id: string
  user_id: string
  session_id: string
  kind: StreamKind
  /** Never selectable by the api. */
  ticket_hash: Buffer
  ticket_expires_at: Time
  redeemed_at: MaybeTime
  created_at: TimeDefault
}

type UsersTable = {
  id: Generated<string>
  email: string
  name: Generated<string>
  /** Never selectable by the api; see nora.login_lookup. */
  password_hash: string | null
  platform_role: Generated<'user' | 'admin'>
  disabled_at: MaybeTime
  created_at: TimeDefault
  updated_at: TimeDefault
}

type WorkersTable = {
  id: string
  kid8: Buffer
  key_version: number
  internal_url: string
  started_at: TimeDefault
  last_seen_at: TimeDefault
}

type WorkspacesTable = {
  id: Generated<string>
  name: string
  personal_of: string | null
  created_at: TimeDefault
  updated_at: TimeDefault
}
