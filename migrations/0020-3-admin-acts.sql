-- What a platform admin changes: people, by functions that take the proof of a stepped-up admin session; and one operation's
-- agent, as the role nora_admin_operator, for the same code that serves the agent's own people. And the room for agents on the
-- whole server.

set role nora_owner;
-- Locked by whoever makes an agent, from counting all of them to the end of the transaction.
create table nora.agent_room (singleton boolean primary key default true check (singleton));
insert into nora.agent_room default values;
reset role;
alter table nora.agent_room enable row level security;
alter table nora.agent_room force row level security;
create policy definer on nora.agent_room to nora_definer using (true) with check (true);
grant select, update on nora.agent_room to nora_definer;

-- Whether the agents of the whole server, those that this transaction has made included, are no more than the limit. Call it last:
-- nobody else counts until this transaction ends.
create function nora.take_agent_room(p_limit int) returns boolean language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  perform 1 from nora.agent_room for update;
  return (select count(*) from (select 1 from nora.agents a where a.deleted_at is null
    order by a.created_at desc, a.id desc limit p_limit::bigint + 1) x) <= p_limit;
end $$;

-- One admin after the other changes who is one. An update, so that a transaction with an older snapshot fails. Nothing that the
-- holder of another lock could wait for is locked before.
create function nora.lock_admins() returns void language sql volatile security definer
  set search_path = pg_catalog, pg_temp as $$ update nora.installation set claimed_at = claimed_at $$;

-- An act on somebody's account stands in their personal workspace, where they can read it.
create function nora.audit_act(p_type text, p_admin uuid, p_user uuid, p_ip inet, p_correlation text, p_details jsonb) returns void
  language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select nora.write_audit(p_type, 'user', p_admin::text, (select w.id from nora.workspaces w where w.personal_of = p_user), 'user',
    p_user::text, p_ip, p_correlation, p_details || '{"by": "platform admin"}')
$$;

-- Ends every session of somebody's, the admin's own kind included; gives how many.
create function nora.end_sessions_of(p_user uuid, p_reason text) returns int language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare n int; m int;
begin
  update nora.sessions s set revoked_at = now(), revoked_reason = p_reason where s.user_id = p_user and s.revoked_at is null;
  get diagnostics n = row_count;
  update nora.admin_sessions s set revoked_at = now(), revoked_reason = p_reason where s.user_id = p_user and s.revoked_at is null;
  get diagnostics m = row_count;
  return n + m;
end $$;

-- Disables, enables, promotes, demotes; null leaves as it is. Gives who it is now, also to somebody whose own role it was.
-- NR404 not-found, NR409 last-admin.
create function nora.admin_change_user(p_session uuid, p_secret bytea, p_user uuid, p_disabled boolean, p_role text, p_ip inet,
  p_correlation text) returns table (id uuid, email text, name text, platform_role text, disabled_at timestamptz, created_at timestamptz,
    last_seen_at timestamptz) language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  who uuid;
  before record;
  n int;
begin
  perform nora.lock_admins();
  -- Under the lock: who was demoted or disabled meanwhile decides nothing any more.
  who := nora.require_admin(p_session, p_secret, true);
  select u.platform_role, u.disabled_at is not null as disabled into before from nora.users u where u.id = p_user for no key update;
  if not found then perform nora.raise_problem(404, 'not-found'); end if;
  if before.platform_role = 'admin' and not before.disabled and (p_role = 'user' or p_disabled) then
    perform 1 from nora.users u where u.platform_role = 'admin' and u.disabled_at is null and u.id <> p_user;
    if not found then perform nora.raise_problem(409, 'last-admin'); end if;
  end if;
  update nora.users u set platform_role = coalesce(p_role, u.platform_role), updated_at = now(),
      disabled_at = case when p_disabled is null then u.disabled_at when p_disabled then coalesce(u.disabled_at, now()) end
    where u.id = p_user;
  if p_disabled and not before.disabled then
    n := nora.end_sessions_of(p_user, 'disabled by a platform admin');
    perform nora.audit_act('USER_DISABLED', who, p_user, p_ip, p_correlation, jsonb_build_object('sessionsRevoked', n));
  elsif not p_disabled and before.disabled then
    perform nora.audit_act('USER_ENABLED', who, p_user, p_ip, p_correlation, '{}');
  end if;
  if p_role <> before.platform_role then
    perform nora.audit_act('PERMISSION_CHANGED', who, p_user, p_ip, p_correlation,
      jsonb_build_object('platformRole', true, 'from', before.platform_role, 'to', p_role));
  end if;
  return query select u.id, u.email, u.name, u.platform_role, u.disabled_at, u.created_at,
    (select max(s.last_seen_at) from nora.sessions s where s.user_id = u.id and s.revoked_at is null) from nora.users u where u.id = p_user;
end $$;

-- Signs somebody out everywhere; gives how many sessions ended. NR404 not-found.
create function nora.admin_sign_out(p_session uuid, p_secret bytea, p_user uuid, p_ip inet, p_correlation text) returns int
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  who uuid := nora.require_admin(p_session, p_secret, true);
  n int;
begin
  perform 1 from nora.users u where u.id = p_user for no key update;
  if not found then perform nora.raise_problem(404, 'not-found'); end if;
  n := nora.end_sessions_of(p_user, 'signed out by a platform admin');
  perform nora.audit_act('SESSIONS_REVOKED', who, p_user, p_ip, p_correlation, jsonb_build_object('sessionsRevoked', n));
  return n;
end $$;

-- Tries again at once: ends the wait of an operation that backs off, or has the agent of one that failed looked at anew. Gives the
-- operation to ring for; null when there is nothing to try.
create function nora.admin_retry(p_session uuid, p_secret bytea, p_operation uuid, p_ip inet, p_correlation text) returns uuid
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  who uuid := nora.require_admin(p_session, p_secret, true);
  o record;
  op uuid;
begin
  select x.id, x.workspace_id, x.agent_id, x.status into o from nora.operations x where x.id = p_operation for no key update;
  if not found then perform nora.raise_problem(404, 'not-found'); end if;
  if o.status = 'pending' then
    update nora.operations set not_before = now() where id = o.id and not_before > now();
    op := o.id;
  elsif o.status = 'failed' and o.agent_id is not null then
    op := nora.request_operation(o.agent_id, 'reconcile', 'a platform admin asked for another try', interval '0');
  end if;
  if op is not null then
    perform nora.write_audit('ADMIN_RETRY', 'user', who::text, o.workspace_id, 'operation', o.id::text, p_ip, p_correlation,
      jsonb_build_object('operation', op));
  end if;
  return op;
end $$;

-- Begins an admin's turn at one operation's agent. The context names no workspace, so that the policies of nora_app open nothing by
-- it; those of nora_admin_operator open this agent. NR404 not-found; NR409 not-cancellable: the operation is about no agent.
create function nora.enter_admin_turn(p_session uuid, p_secret bytea, p_operation uuid, p_ip inet, p_correlation text)
  returns table (user_id uuid, workspace_id uuid, agent_id uuid) language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  who uuid := nora.require_admin(p_session, p_secret, true);
  o record;
begin
  select x.workspace_id, x.agent_id into o from nora.operations x where x.id = p_operation;
  if not found then perform nora.raise_problem(404, 'not-found'); end if;
  if o.agent_id is null then perform nora.raise_problem(409, 'not-cancellable'); end if;
  perform nora.write_audit('ADMIN_CANCEL', 'user', who::text, o.workspace_id, 'operation', p_operation::text, p_ip, p_correlation, '{}');
  perform nora.set_context('admin-turn', who, null, 'operator', o.agent_id, null);
  return query select who, o.workspace_id, o.agent_id;
end $$;

-- The workspace of the agent whose turn an admin has; null in every other context.
create function nora.turn_workspace() returns uuid language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$
  select a.workspace_id from nora.agents a where a.id = nora.agent() and nora.actor_kind() = 'admin-turn'
$$;

create or replace function nora.require_open_workspace() returns void language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  perform 1 from nora.workspaces where id = coalesce(nora.workspace(), nora.turn_workspace()) and deleting_since is null;
  if not found then perform nora.raise_problem(409, 'workspace-deleting'); end if;
end $$;

do $$
declare f text;
begin
  foreach f in array array['lock_admins()', 'audit_act(text,uuid,uuid,inet,text,jsonb)', 'end_sessions_of(uuid,text)',
    'take_agent_room(int)', 'admin_change_user(uuid,bytea,uuid,boolean,text,inet,text)', 'admin_sign_out(uuid,bytea,uuid,inet,text)',
    'admin_retry(uuid,bytea,uuid,inet,text)', 'enter_admin_turn(uuid,bytea,uuid,inet,text)', 'turn_workspace()'] loop
    execute format('alter function nora.%s owner to nora_definer', f);
    execute format('revoke all on function nora.%s from public', f);
  end loop;
  foreach f in array array['take_agent_room(int)', 'admin_change_user(uuid,bytea,uuid,boolean,text,inet,text)',
    'admin_sign_out(uuid,bytea,uuid,inet,text)', 'admin_retry(uuid,bytea,uuid,inet,text)',
    'enter_admin_turn(uuid,bytea,uuid,inet,text)'] loop
    execute format('grant execute on function nora.%s to nora_app', f);
  end loop;
end $$;

-- As much of the agent as cancelling takes. `state_reason` and `input` may end with the program's last lines, which are put back
-- and never shown.
grant usage on schema nora to nora_admin_operator;
grant execute on function nora.actor(), nora.agent(), nora.turn_workspace(), nora.require_open_workspace() to nora_admin_operator;
grant select (id, workspace_id, owner_id, name, desired_state, state, state_reason, state_changed_at, generation, event_seq, deleted_at),
  update (desired_state, state, state_reason, state_changed_at, crash_count, event_seq, updated_at) on nora.agents to nora_admin_operator;
create policy turn_select on nora.agents for select to nora_admin_operator
  using (id = (select nora.agent()) and workspace_id = (select nora.turn_workspace()));
create policy turn_update on nora.agents for update to nora_admin_operator
  using (id = (select nora.agent()) and workspace_id = (select nora.turn_workspace()))
  with check (id = (select nora.agent()) and workspace_id = (select nora.turn_workspace()));

grant select (id, seq, workspace_id, agent_id, kind, status, input, cancel_requested_at, started_at),
  insert (workspace_id, agent_id, credential_id, kind, reason, input, requested_by, correlation_id),
  update (cancel_requested_at, status, reason, finished_at) on nora.operations to nora_admin_operator;
create policy turn_select on nora.operations for select to nora_admin_operator
  using (agent_id = (select nora.agent()) and workspace_id = (select nora.turn_workspace()));
create policy turn_insert on nora.operations for insert to nora_admin_operator
  with check (agent_id = (select nora.agent()) and workspace_id = (select nora.turn_workspace())
    and requested_by = (select nora.actor()) and status = 'pending' and attempt = 0);
create policy turn_update on nora.operations for update to nora_admin_operator
  using (agent_id = (select nora.agent()) and workspace_id = (select nora.turn_workspace()) and status in ('pending', 'leased'))
  with check (agent_id = (select nora.agent()) and workspace_id = (select nora.turn_workspace())
    and (status = 'cancelled' or (status = 'pending' and worker_id is null) or (status = 'leased' and worker_id is not null)));

grant insert (workspace_id, agent_id, seq, type, data) on nora.events to nora_admin_operator;
create policy turn_insert on nora.events for insert to nora_admin_operator
  with check (agent_id = (select nora.agent()) and workspace_id = (select nora.turn_workspace()));
grant insert (event_type, actor_kind, actor_id, workspace_id, target_kind, target_id, ip, correlation_id, details)
  on nora.audit_log to nora_admin_operator;
create policy turn_insert on nora.audit_log for insert to nora_admin_operator
  with check (workspace_id = (select nora.turn_workspace()) and actor_kind = 'user' and actor_id = (select nora.actor())::text);
