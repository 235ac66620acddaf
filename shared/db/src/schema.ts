import type {
  ApiKeysTable,
  AuditLogTable,
  ExecSessionsTable,
  IdempotencyKeysTable,
  IdentitiesTable,
  InvitationsTable,
  MembershipsTable,
  PasskeysTable,
  SessionsTable,
  StreamsTable,
  UsersTable,
  WorkspacesTable,
} from './account-tables.ts'
import type {
  AgentCredentialsTable,
  AgentSamplesTable,
  AgentsTable,
  CredentialsTable,
  EventsTable,
  GatewaysTable,
  GivenSecretsTable,
  LogChunksTable,
  LogFollowersTable,
  OperationsTable,
  WorkersTable,
} from './agent-tables.ts'

export type {
  AgentState,
  CredentialKind,
  DesiredState,
  ExchangePermission,
  OperationKind,
  OperationStatus,
  StreamKind,
  WorkspaceRole,
} from './columns.ts'

/** What each table of schema `nora` holds, as rows come back from pg. A test compares this file with a real database. */
export type DB = {
  agents: AgentsTable
  agent_samples: AgentSamplesTable
  agent_credentials: AgentCredentialsTable
  api_keys: ApiKeysTable
  audit_log: AuditLogTable
  credentials: CredentialsTable
  events: EventsTable
  exec_sessions: ExecSessionsTable
  gateways: GatewaysTable
  given_secrets: GivenSecretsTable
  idempotency_keys: IdempotencyKeysTable
  identities: IdentitiesTable
  invitations: InvitationsTable
  log_chunks: LogChunksTable
  log_followers: LogFollowersTable
  memberships: MembershipsTable
  operations: OperationsTable
  passkeys: PasskeysTable
  sessions: SessionsTable
  streams: StreamsTable
  users: UsersTable
  workers: WorkersTable
  workspaces: WorkspacesTable
}
