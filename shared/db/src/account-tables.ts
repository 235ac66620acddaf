import type { ApiKeyScope } from '@nora/contract/api-keys'
import type { ColumnType, Generated } from 'kysely'
import type { Json, JsonDefault, MaybeTime, StreamKind, Time, TimeDefault, WorkspaceRole } from './columns.ts'

export type ApiKeysTable = {
  id: string
  workspace_id: string
  created_by: string
  public_id: string
  name: string
  scopes: ColumnType<ApiKeyScope[], never, never>
  allowed_cidrs: ColumnType<string[], string[] | undefined, string[]>
  created_at: TimeDefault
  expires_at: Time
  last_used_at: MaybeTime
}

export type AuditLogTable = {
  seq: ColumnType<number, never, never>
  id: Generated<string>
  ts: TimeDefault
  event_type: string
  actor_kind: 'user' | 'api_key' | 'operation' | 'system' | 'anonymous'
  actor_id: string | null
  workspace_id: string | null
  target_kind: string | null
  target_id: string | null
  ip: string | null
  correlation_id: string | null
  details: JsonDefault<Record<string, unknown>>
}

export type IdempotencyKeysTable = {
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

export type IdentitiesTable = {
  id: Generated<string>
  user_id: string
  provider: string
  issuer: string
  /** Not selectable by the api, which asks by it: see nora.sign_in_by_identity. */
  subject: string
  email: string | null
  created_at: TimeDefault
  last_used_at: MaybeTime
}

export type InvitationsTable = {
  id: Generated<string>
  workspace_id: string
  email: string
  role: WorkspaceRole
  /** Never selectable by the api. */
  token_hash: Buffer
  invited_by: string
  created_at: TimeDefault
  expires_at: Time
}

export type MembershipsTable = {
  workspace_id: string
  user_id: string
  role: WorkspaceRole
  created_at: TimeDefault
}

export type PasskeysTable = {
  id: Generated<string>
  user_id: string
  credential_id: Buffer
  public_key: Buffer
  /** Not selectable by the api: Postgres compares it. */
  counter: number
  transports: ColumnType<string[], string[] | undefined, string[]>
  label: string
  backed_up: boolean
  created_at: TimeDefault
  last_used_at: MaybeTime
}

export type SessionsTable = {
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
  /** Never selectable by the api; see nora.require_recent_proof. */
  proven_at: MaybeTime
  second_factor: 'passkey' | 'recovery-code' | null
}

export type StreamsTable = {
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

/** A terminal that a worker has open. */
export type ExecSessionsTable = {
  id: Generated<string>
  workspace_id: string
  agent_id: string
  user_id: string
  session_id: string
  worker_id: string
  container_id: string
  leader: number | null
  container_run: string | null
  started_at: TimeDefault
}

export type UsersTable = {
  id: Generated<string>
  email: string
  name: Generated<string>
  /** Neither is selectable by the api; see nora.login_lookup and nora.open_session. */
  password_salt: string | null
  password_verifier: Buffer | null
  platform_role: Generated<'user' | 'admin'>
  disabled_at: MaybeTime
  created_at: TimeDefault
  updated_at: TimeDefault
  /** `lower(email)`, in C. */
  email_key: ColumnType<string, never, never>
}

export type WorkspacesTable = {
  id: Generated<string>
  name: string
  personal_of: string | null
  created_at: TimeDefault
  updated_at: TimeDefault
  deleting_since: MaybeTime
}
