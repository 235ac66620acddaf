-- What tenants own: credentials, agents, operations, events, logs. Every row names its workspace; policies decide.

set role nora_owner;

create table nora.credentials (
  id uuid primary key default gen_random_uuid(),
  workspace_id uuid not null references nora.workspaces (id),
  owner_id uuid not null references nora.users (id),
  kind text not null check (kind in ('llm', 'integration', 'exchange')),
  provider text not null check (length(provider) between 1 and 64),
  label text not null check (length(label) between 1 and 100),
  -- A record: 64 bytes of header and tag, and a plaintext padded to 64.
  sealed bytea not null check (length(sealed) between 128 and 65600 and length(sealed) % 64 = 0),
  suite smallint not null default 1 check (suite in (0, 1)),
  key_version int not null,
  secret_version int not null default 1 check (secret_version >= 1),
  destination_hosts text[] not null default '{}',
  base_url text,
  fingerprint text not null check (fingerprint ~ '^[0-9a-f]{8}$'),
  shared_with_workspace boolean not null default false check (not (shared_with_workspace and kind = 'exchange')),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  last_used_at timestamptz,
  unique (workspace_id, id),
  check ((suite = 1 and key_version >= 1) or (suite = 0 and key_version = 0))
);
create index credentials_list on nora.credentials (workspace_id, kind, created_at desc, id desc);

create table nora.agents (
  id uuid primary key default gen_random_uuid(),
  workspace_id uuid not null references nora.workspaces (id),
  owner_id uuid not null references nora.users (id),
  name text not null check (length(name) between 1 and 64),
  runtime text not null,
  image text,
  target text not null,
  sandbox_profile text not null,
  cpus numeric(7, 3) not null check (cpus > 0),
  memory_mb int not null check (memory_mb > 0),
  disk_mb int not null check (disk_mb > 0),
  pids int not null check (pids > 0),
  env jsonb not null default '{}',
  config jsonb not null default '{}',
  command jsonb,
  port int check (port between 1 and 65535),
  desired_state text not null default 'running' check (desired_state in ('running', 'stopped', 'deleted')),
  state text not null default 'queued'
    check (state in ('queued', 'provisioning', 'running', 'stopping', 'stopped', 'degraded', 'error', 'deleting')),
  state_reason text not null default 'waiting for a worker',
  state_changed_at timestamptz not null default now(),
  generation int not null default 1,
  observed_generation int not null default 0,
  keep_data boolean not null default false,
  network_slot int unique check (network_slot >= 2),
  gateway_id uuid,
  container_id text,
  container_ip inet,
  http_port int check (http_port between 1 and 65535),
  image_digest text,
  disk_enforced boolean,
  keys_version int not null default 0,
  crash_count int not null default 0,
  last_crash_at timestamptz,
  event_seq bigint not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  unique (workspace_id, id)
);
create index agents_list on nora.agents (workspace_id, created_at desc, id desc) where deleted_at is null;

create table nora.agent_credentials (
  workspace_id uuid not null,
  agent_id uuid not null,
  credential_id uuid not null,
  attached_at timestamptz not null default now(),
  image_digest text,
  synced_secret_version int,
  synced_at timestamptz,
  primary key (workspace_id, agent_id, credential_id),
  foreign key (workspace_id, agent_id) references nora.agents (workspace_id, id) on delete cascade,
  foreign key (workspace_id, credential_id) references nora.credentials (workspace_id, id) on delete cascade
);
create index agent_credentials_credential on nora.agent_credentials (workspace_id, credential_id);

create table nora.operations (
  id uuid primary key default gen_random_uuid(),
  seq bigint generated always as identity,
  workspace_id uuid not null references nora.workspaces (id),
  agent_id uuid,
  credential_id uuid,
  kind text not null
    check (kind in ('provision', 'start', 'stop', 'restart', 'redeploy', 'sync-keys', 'reconcile', 'delete', 'test-key')),
  status text not null default 'pending' check (status in ('pending', 'leased', 'succeeded', 'failed', 'cancelled')),
  step text,
  step_at timestamptz,
  reason text not null default 'waiting for a worker',
  input jsonb not null default '{}',
  result jsonb,
  error jsonb,
  requested_by uuid references nora.users (id),
  correlation_id text,
  attempt int not null default 0,
  worker_id text,
  lease_until timestamptz,
  not_before timestamptz not null default now(),
  deadline_at timestamptz not null default now() + interval '15 minutes',
  cancel_requested_at timestamptz,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  unique (workspace_id, id),
  check ((agent_id is null) <> (credential_id is null)),
  foreign key (workspace_id, agent_id) references nora.agents (workspace_id, id) on delete cascade,
  foreign key (workspace_id, credential_id) references nora.credentials (workspace_id, id) on delete cascade
);
-- One worker at a time acts on an agent.
create unique index operations_one_leased on nora.operations (agent_id) where status = 'leased';
create index operations_due on nora.operations (not_before) where status in ('pending', 'leased');
create index operations_agent on nora.operations (workspace_id, agent_id, seq desc);
create index operations_open on nora.operations (agent_id, seq) where status in ('pending', 'leased');

create table nora.events (
  workspace_id uuid not null,
  agent_id uuid not null,
  seq bigint not null,
  ts timestamptz not null default clock_timestamp(),
  type text not null check (length(type) between 1 and 64),
  data jsonb not null default '{}',
  primary key (workspace_id, agent_id, seq),
  foreign key (workspace_id, agent_id) references nora.agents (workspace_id, id) on delete cascade
);

-- One follower at a time reads an agent's log; rows and cursor commit together.
create table nora.log_followers (
  workspace_id uuid not null,
  agent_id uuid not null,
  worker_id text,
  fence int not null default 0,
  lease_until timestamptz,
  container_id text,
  cursor_ts text,
  cursor_ordinal int not null default 0,
  generation int not null default 1,
  next_seq bigint not null default 1,
  stored_bytes bigint not null default 0,
  updated_at timestamptz not null default now(),
  primary key (workspace_id, agent_id),
  unique (agent_id),
  foreign key (workspace_id, agent_id) references nora.agents (workspace_id, id) on delete cascade
);

create table nora.log_chunks (
  workspace_id uuid not null,
  agent_id uuid not null,
  first_seq bigint not null,
  last_seq bigint not null,
  generation int not null,
  first_ts timestamptz not null,
  last_ts timestamptz not null,
  lines int not null,
  data bytea not null check (length(data) <= 131072),
  created_at timestamptz not null default now(),
  primary key (workspace_id, agent_id, first_seq),
  check (last_seq >= first_seq),
  foreign key (workspace_id, agent_id) references nora.agents (workspace_id, id) on delete cascade
);
create index log_chunks_age on nora.log_chunks (workspace_id, agent_id, last_ts);

-- A WebSocket's admission: one-use ticket, then the proof with which a worker may read for that viewer.
create table nora.streams (
  id uuid primary key default gen_random_uuid(),
  workspace_id uuid not null,
  agent_id uuid not null,
  user_id uuid not null references nora.users (id) on delete cascade,
  session_id uuid not null references nora.sessions (id) on delete cascade,
  kind text not null check (kind in ('logs', 'exec', 'metrics')),
  ticket_hash bytea not null unique check (length(ticket_hash) = 32),
  ticket_expires_at timestamptz not null,
  redeemed_at timestamptz,
  created_at timestamptz not null default now(),
  foreign key (workspace_id, agent_id) references nora.agents (workspace_id, id) on delete cascade
);
create index streams_workspace on nora.streams (workspace_id, agent_id);

create table nora.idempotency_keys (
  workspace_id uuid not null references nora.workspaces (id) on delete cascade,
  user_id uuid not null references nora.users (id) on delete cascade,
  key text not null check (length(key) between 1 and 200),
  request_hash bytea not null check (length(request_hash) = 32),
  status int,
  location text,
  body jsonb,
  replayable boolean not null default true,
  created_at timestamptz not null default now(),
  primary key (workspace_id, user_id, key)
);
create index idempotency_keys_age on nora.idempotency_keys (created_at);

-- Not tenants' rows: the machinery's own registry.
create table nora.workers (
  id text primary key,
  kid8 bytea not null check (length(kid8) = 8),
  key_version int not null,
  internal_url text not null,
  started_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now()
);

create table nora.gateways (
  id uuid primary key default gen_random_uuid(),
  index int not null unique check (index >= 0),
  worker_id text,
  lease_until timestamptz,
  container_id text,
  control_url text,
  invoke_url text,
  control_address text,
  revision bigint not null default 0,
  updated_at timestamptz not null default now()
);

reset role;
