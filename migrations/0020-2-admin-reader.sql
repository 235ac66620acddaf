-- What a platform admin reads of everybody's: the role nora_admin_reader, which nora_app becomes for one transaction once
-- Postgres has seen the proof of an admin session and written down what is asked. It holds columns, not tables: no sealed
-- record, no hash of anything, no environment, configuration or command of an agent, and no text that a program printed.
-- docs/admin-api.md says what a statement that is smuggled into such a transaction could read.

do $$
declare r text;
begin
  foreach r in array array['nora_admin_reader', 'nora_admin_operator'] loop
    if not exists (select 1 from pg_roles where rolname = r) or not pg_has_role('nora_app', r, 'MEMBER') then
      raise exception 'nora_app may not become % yet: run the bootstrap of the database as superuser (./setup.sh does), then migrate', r;
    end if;
  end loop;
end $$;

set role nora_owner;

-- An order of people that has an index and a beginning to search by. In C: the order is the same on every server.
alter table nora.users add column email_key text collate "C" not null generated always as (lower(email) collate "C") stored;
create index users_email_key on nora.users (email_key);
create index users_admins on nora.users (email_key) where platform_role = 'admin';
create index users_disabled on nora.users (email_key) where disabled_at is not null;

-- The lists of the whole server, newest first.
create index agents_everywhere on nora.agents (created_at desc, id desc) where deleted_at is null;
create index agents_everywhere_state on nora.agents (state, created_at desc, id desc) where deleted_at is null;
create index agents_owner on nora.agents (owner_id, created_at desc, id desc) where deleted_at is null;
create index operations_unfinished on nora.operations (seq desc) where status in ('pending', 'leased');
create index operations_failed on nora.operations (finished_at) where status = 'failed';
create index operations_worker on nora.operations (worker_id) where status = 'leased';
create index audit_log_ts on nora.audit_log (ts desc, id desc);
create index audit_log_type on nora.audit_log (event_type, ts desc, id desc);
create index audit_log_actor on nora.audit_log (actor_id, ts desc, id desc) where actor_kind = 'user';

-- Which program a worker is; null for one that does not say yet.
alter table nora.workers add column version text check (length(version) <= 100);

reset role;

-- The queue as 0009 showed it to console sessions.
drop function nora.admin_queue(boolean, boolean, bigint, int, inet, text);
drop function nora.admin_queue_depth();
drop function nora.admin_live_workers();
drop function nora.admin_retry(uuid, inet, text);
drop function nora.platform_admin();

-- Whether the context is one of those that enter_admin_read sets. A boolean and not a comparison, which the planner would take for
-- one that few rows pass, and read and sort everything for a page.
create function nora.admin_reads() returns boolean language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$ select coalesce(nora.actor_kind() = 'admin-reader', false) $$;

-- Begins a read: the admin's proof, the audit row, and only then the context in which nora_admin_reader sees rows. A list that is
-- read in parts goes on with the number of the row that its first part wrote, for 15 minutes, with the same question.
create function nora.enter_admin_read(p_session uuid, p_secret bytea, p_what text, p_asked jsonb, p_continues bigint, p_ip inet,
  p_correlation text) returns bigint language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  who uuid := nora.require_admin(p_session, p_secret, false);
  row_seq bigint := p_continues;
begin
  if p_continues is null then
    perform nora.write_audit('ADMIN_READ', 'user', who::text, null, p_what, null, p_ip, p_correlation, p_asked);
    row_seq := currval(pg_get_serial_sequence('nora.audit_log', 'seq'));
  else
    perform 1 from nora.audit_log a where a.seq = p_continues and a.event_type = 'ADMIN_READ' and a.actor_id = who::text
      and a.target_kind = p_what and a.details = p_asked and a.ts > clock_timestamp() - interval '15 minutes';
    if not found then perform nora.raise_problem(403, 'forbidden'); end if;
  end if;
  perform nora.set_context('admin-reader', null, null, 'reader', null, null);
  return row_seq;
end $$;

-- Why an operation waits or how it failed, without what the program printed: of one that failed `reason` ends with its last lines.
create function nora.operation_words(p_operation uuid) returns text language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$
  select case when o.status = 'failed' then coalesce(o.error ->> 'message', 'no reason was written') else o.reason end
  from nora.operations o where o.id = p_operation and nora.admin_reads()
$$;

do $$
declare
  f text;
  t text;
begin
  foreach f in array array['enter_admin_read(uuid,bytea,text,jsonb,bigint,inet,text)', 'operation_words(uuid)', 'admin_reads()'] loop
    execute format('alter function nora.%s owner to nora_definer', f);
    execute format('revoke all on function nora.%s from public', f);
  end loop;
  grant execute on function nora.enter_admin_read(uuid,bytea,text,jsonb,bigint,inet,text) to nora_app;
  grant execute on function nora.operation_words(uuid), nora.admin_reads(), nora.sealed_counts() to nora_admin_reader;
  foreach t in array array['users', 'workspaces', 'memberships', 'sessions', 'admin_sessions', 'agents', 'operations', 'log_followers',
    'audit_log', 'installation', 'sealing_keys', 'key_rotations', 'configurations'] loop
    execute format('create policy admin_select on nora.%I for select to nora_admin_reader
      using ((select nora.admin_reads()))', t);
  end loop;
end $$;

grant select (id, email, email_key, name, platform_role, disabled_at, created_at, updated_at) on nora.users to nora_admin_reader;
grant select (id, name, personal_of, deleting_since, created_at) on nora.workspaces to nora_admin_reader;
grant select (workspace_id, user_id, role, created_at) on nora.memberships to nora_admin_reader;
grant select (id, user_id, transport, created_at, last_seen_at, idle_expires_at, expires_at, revoked_at) on nora.sessions to nora_admin_reader;
grant select (id, user_id, created_at, last_seen_at, idle_expires_at, expires_at, revoked_at) on nora.admin_sessions to nora_admin_reader;
grant select (id, workspace_id, owner_id, name, runtime, target, sandbox_profile, cpus, memory_mb, disk_mb, pids, disk_enforced,
  desired_state, state, state_changed_at, generation, observed_generation, gateway_id, crash_count, last_crash_at, unhealthy,
  created_at, updated_at, deleted_at) on nora.agents to nora_admin_reader;
grant select (id, seq, workspace_id, agent_id, credential_id, kind, status, step, step_at, requested_by, attempt, worker_id, lease_until,
  not_before, deadline_at, cancel_requested_at, created_at, started_at, finished_at) on nora.operations to nora_admin_reader;
grant select (workspace_id, agent_id, worker_id, lease_until) on nora.log_followers to nora_admin_reader;
grant select (id, index, worker_id, lease_until) on nora.gateways to nora_admin_reader;
grant select (id, kid8, key_version, opens, version, started_at, last_seen_at) on nora.workers to nora_admin_reader;
grant select on nora.audit_log, nora.key_rotations, nora.configurations to nora_admin_reader;
grant select (singleton, id, claimed_by, claimed_at) on nora.installation to nora_admin_reader;
grant select (version, kid8, introduced_at) on nora.sealing_keys to nora_admin_reader;
