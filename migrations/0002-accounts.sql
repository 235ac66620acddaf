-- People, their sessions, their workspaces, and the one row that says who claimed this server.

set role nora_owner;

create table nora.users (
  id uuid primary key default gen_random_uuid(),
  email text not null check (length(email) between 3 and 254),
  name text not null default '' check (length(name) <= 100),
  -- How the password is hashed (PHC string without its last part), and SHA-256 of what comes out: whoever signs in shows
  -- the hash itself, which is nowhere, so Postgres checks a password without having what would pass for one.
  password_salt text check (password_salt ~ '^\$argon2id\$'),
  password_verifier bytea check (length(password_verifier) = 32),
  platform_role text not null default 'user' check (platform_role in ('user', 'admin')),
  disabled_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  check ((password_salt is null) = (password_verifier is null))
);
create unique index users_email on nora.users (lower(email));

create table nora.installation (
  singleton boolean primary key default true check (singleton),
  id uuid not null default gen_random_uuid(),
  claimed_by uuid references nora.users (id),
  claimed_at timestamptz
);
insert into nora.installation default values;

create table nora.workspaces (
  id uuid primary key default gen_random_uuid(),
  name text not null check (length(name) between 1 and 100),
  personal_of uuid unique references nora.users (id),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table nora.memberships (
  workspace_id uuid not null references nora.workspaces (id) on delete cascade,
  user_id uuid not null references nora.users (id) on delete cascade,
  role text not null check (role in ('viewer', 'editor', 'admin', 'owner')),
  created_at timestamptz not null default now(),
  primary key (workspace_id, user_id)
);
create index memberships_user on nora.memberships (user_id);

create table nora.sessions (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references nora.users (id) on delete cascade,
  transport text not null check (transport in ('cookie', 'bearer')),
  secret_hash bytea not null check (length(secret_hash) = 32),
  ip inet,
  user_agent text check (length(user_agent) <= 300),
  created_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  stepped_up_until timestamptz,
  idle_expires_at timestamptz not null,
  expires_at timestamptz not null,
  revoked_at timestamptz,
  revoked_reason text
);
create index sessions_user on nora.sessions (user_id) where revoked_at is null;
create index sessions_expiry on nora.sessions (expires_at);

create table nora.refresh_tokens (
  token_hash bytea primary key check (length(token_hash) = 32),
  session_id uuid not null references nora.sessions (id) on delete cascade,
  successor_hash bytea,
  used_at timestamptz,
  created_at timestamptz not null default now()
);
create index refresh_tokens_session on nora.refresh_tokens (session_id);

create table nora.audit_log (
  seq bigint generated always as identity primary key,
  id uuid not null default gen_random_uuid(),
  ts timestamptz not null default clock_timestamp(),
  event_type text not null check (event_type ~ '^[A-Z][A-Z0-9_]{2,63}$'),
  actor_kind text not null check (actor_kind in ('user', 'operation', 'system', 'anonymous')),
  actor_id text,
  workspace_id uuid,
  target_kind text,
  target_id text,
  ip inet,
  correlation_id text,
  details jsonb not null default '{}'
);
create index audit_log_workspace on nora.audit_log (workspace_id, seq desc);

reset role;

do $$
declare t text;
begin
  foreach t in array array['users', 'installation', 'workspaces', 'memberships', 'sessions', 'refresh_tokens', 'audit_log'] loop
    execute format('alter table nora.%I enable row level security', t);
    execute format('alter table nora.%I force row level security', t);
    execute format('create policy definer on nora.%I to nora_definer using (true) with check (true)', t);
    execute format('grant select, insert, update, delete on nora.%I to nora_definer', t);
  end loop;
end $$;
-- An audit row, once written, is changed by nobody.
revoke update, delete on nora.audit_log from nora_definer;

-- A person sees themself, their sessions and the workspaces they belong to; hashes are never selectable.
grant select (id, email, name, platform_role, disabled_at, created_at), update (name, updated_at) on nora.users to nora_app;
create policy app_select on nora.users for select to nora_app using (id = (select nora.actor()));
create policy app_update on nora.users for update to nora_app
  using (id = (select nora.actor())) with check (id = (select nora.actor()));

grant select (id, user_id, transport, ip, user_agent, created_at, last_seen_at, stepped_up_until, idle_expires_at, expires_at,
  revoked_at), update (revoked_at, revoked_reason) on nora.sessions to nora_app;
create policy app_select on nora.sessions for select to nora_app using (user_id = (select nora.actor()));
-- Once ended, a session stays so.
create policy app_update on nora.sessions for update to nora_app
  using (user_id = (select nora.actor()) and revoked_at is null)
  with check (user_id = (select nora.actor()) and revoked_at is not null);

grant select on nora.workspaces, nora.memberships to nora_app;
create policy app_select on nora.workspaces for select to nora_app using (id = (select nora.workspace()));
create policy app_select on nora.memberships for select to nora_app
  using (workspace_id = (select nora.workspace()) or user_id = (select nora.actor()));

-- Not seq, ts and id: nobody dates a row, or takes a number that another's row would need.
grant insert (event_type, actor_kind, actor_id, workspace_id, target_kind, target_id, ip, correlation_id, details)
  on nora.audit_log to nora_app, nora_worker;
grant select on nora.audit_log to nora_app;
create policy app_select on nora.audit_log for select to nora_app
  using (workspace_id = (select nora.workspace()) and (select nora.role()) in ('admin', 'owner'));
create policy app_insert on nora.audit_log for insert to nora_app
  with check (workspace_id = (select nora.workspace()) and actor_kind = 'user' and actor_id = (select nora.actor())::text);
create policy worker_insert on nora.audit_log for insert to nora_worker
  with check (workspace_id = (select nora.workspace()) and actor_kind = 'operation' and actor_id = (select nora.actor())::text);
