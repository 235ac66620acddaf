-- What reconciliation sees and says (drift as an event, health after the start, keys still to be taken out), and the
-- queue as a platform admin reads it.

set role nora_owner;
alter table nora.agents
  -- Its program runs and does not answer its health check; true until it answers again.
  add column unhealthy boolean not null default false,
  -- A sync that takes a key out ended without having done it: the next operation owes it.
  add column keys_owed boolean not null default false,
  -- How its health is asked for while it runs: {path, timeoutMs, expect}. The worker writes what it probed with.
  add column probe jsonb;
-- The queue's newest first, without reading what ended well.
create index operations_queue on nora.operations (seq desc) where status in ('pending', 'leased', 'failed');
reset role;
grant update (unhealthy, keys_owed, probe) on nora.agents to nora_worker;

drop function nora.fleet();
-- One call for reconciliation: every agent that is or may still be somewhere.
create function nora.fleet() returns table (agent_id uuid, workspace_id uuid, generation int, observed_generation int, desired_state text,
  state text, container_id text, container_ip inet, http_port int, network_slot int, gateway_id uuid, disk_enforced boolean, disk_mb int,
  crash_count int, last_crash_at timestamptz, open_operation boolean, keys_owed boolean) language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$
  select a.id, a.workspace_id, a.generation, a.observed_generation, a.desired_state, a.state, a.container_id, a.container_ip, a.http_port,
    a.network_slot, a.gateway_id, a.disk_enforced, a.disk_mb, a.crash_count,
    a.last_crash_at, exists (select 1 from nora.operations o where o.agent_id = a.id and o.status in ('pending', 'leased')), a.keys_owed
  from nora.agents a where a.deleted_at is null
$$;

-- Running agents whose gateway this worker keeps, with how to ask for their health. What has an operation is its to watch.
create function nora.probed_agents(p_worker text) returns table (agent_id uuid, gateway_id uuid, unhealthy boolean, probe jsonb)
  language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select a.id, a.gateway_id, a.unhealthy, a.probe from nora.agents a join nora.gateways g on g.id = a.gateway_id
  where a.deleted_at is null and a.desired_state = 'running' and a.probe is not null and a.container_ip is not null
    and (a.state = 'running' or (a.state = 'degraded' and a.unhealthy)) and g.worker_id = p_worker
    and not exists (select 1 from nora.operations o where o.agent_id = a.id and o.status in ('pending', 'leased'))
$$;

-- Of these agents, those that were deleted together with their data. One that no row names is not among them: data is
-- removed only on the word of a row.
create function nora.agents_without_data(p_agents uuid[]) returns setof uuid language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$
  select a.id from nora.agents a where a.id = any (p_agents) and a.deleted_at is not null and not a.keep_data
$$;

-- Drift inserts an operation, with what was seen in the agent's timeline, and nothing else. Null when one is open already,
-- or the agent is gone.
create or replace function nora.request_operation(p_agent uuid, p_kind text, p_reason text, p_delay interval) returns uuid
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  a record;
  op uuid;
begin
  if p_kind not in ('reconcile', 'stop') then raise exception 'kind not allowed' using errcode = 'NR403'; end if;
  select x.id, x.workspace_id, x.event_seq into a from nora.agents x where x.id = p_agent and x.deleted_at is null for update;
  if not found then return null; end if;
  if exists (select 1 from nora.operations o where o.agent_id = p_agent and o.status in ('pending', 'leased')) then return null; end if;
  insert into nora.operations (workspace_id, agent_id, kind, not_before, reason)
    values (a.workspace_id, a.id, p_kind, now() + p_delay, p_reason) returning id into op;
  update nora.agents set event_seq = event_seq + 1 where id = a.id;
  insert into nora.events (workspace_id, agent_id, seq, type, data)
    values (a.workspace_id, a.id, a.event_seq + 1, 'drift.seen', jsonb_build_object('reason', p_reason, 'operationId', op));
  perform nora.write_audit('AGENT_DRIFT', 'system', 'system', a.workspace_id, 'agent', a.id::text, null, null,
    jsonb_build_object('reason', p_reason, 'operation', op));
  return op;
end $$;

-- The admin of the platform who is in the context, by a session's proof. Everybody else: NR403.
create function nora.platform_admin() returns uuid language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp as $$
declare who uuid;
begin
  select u.id into who from nora.users u where u.id = nora.actor() and nora.actor_kind() = 'user' and u.platform_role = 'admin'
    and u.disabled_at is null;
  if not found then raise exception 'forbidden' using errcode = 'NR403'; end if;
  return who;
end $$;

-- What is open, and what failed within a day, newest first: facts, no tenant's words but the reason a worker wrote for an
-- operation that is open. Reading it is an act that is audited.
create function nora.admin_queue(p_failed boolean, p_open boolean, p_before bigint, p_limit int, p_ip inet, p_correlation text)
  returns table (seq bigint, id uuid, workspace_id uuid, agent_id uuid, credential_id uuid, kind text, status text, step text,
    step_at timestamptz, reason text, attempt int, worker_id text, lease_until timestamptz,
    not_before timestamptz, deadline_at timestamptz, cancel_requested_at timestamptz, created_at timestamptz, finished_at timestamptz,
    behind_id uuid, behind_kind text) language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform nora.write_audit('ADMIN_READ', 'user', nora.platform_admin()::text, null, 'queue', null, p_ip, p_correlation, '{}');
  return query select o.seq, o.id, o.workspace_id, o.agent_id, o.credential_id, o.kind, o.status, o.step, o.step_at,
      case when o.status = 'failed' then coalesce(o.error ->> 'message', 'no reason was written') else o.reason end,
      o.attempt, o.worker_id, o.lease_until, o.not_before, o.deadline_at, o.cancel_requested_at, o.created_at,
      o.finished_at, e.id, e.kind
    from nora.operations o left join lateral (select x.id, x.kind from nora.operations x where x.agent_id = o.agent_id and x.seq < o.seq
      and x.status in ('pending', 'leased') and o.status = 'pending' order by x.seq limit 1) e on true
    where o.status in ('pending', 'leased', 'failed') and (p_before is null or o.seq < p_before)
      and ((p_open and o.status in ('pending', 'leased'))
        or (p_failed and o.status = 'failed' and o.finished_at > now() - interval '24 hours'))
    order by o.seq desc limit p_limit;
end $$;

-- How many of each kind are open or failed within a day, and how long ago the oldest was asked for.
create function nora.admin_queue_depth() returns table (status text, kind text, count bigint, oldest_at timestamptz)
  language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform nora.platform_admin();
  return query select o.status, o.kind, count(*), min(o.created_at) from nora.operations o
    where o.status in ('pending', 'leased', 'failed')
      and (o.status <> 'failed' or o.finished_at > now() - interval '24 hours')
    group by o.status, o.kind order by o.status, o.kind;
end $$;

-- The workers that were heard of lately, for an operation that is due and that nobody takes.
create function nora.admin_live_workers() returns int language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  perform nora.platform_admin();
  return (select count(*) from nora.workers w where w.last_seen_at > now() - interval '15 seconds');
end $$;

-- Tries again at once: ends the wait of one that backs off, or has the agent of one that failed looked at anew. Gives the
-- operation to ring for; null when there is nothing to try.
create function nora.admin_retry(p_operation uuid, p_ip inet, p_correlation text) returns uuid language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  who uuid := nora.platform_admin();
  o record;
  op uuid;
begin
  select x.id, x.workspace_id, x.agent_id, x.status into o from nora.operations x where x.id = p_operation for no key update;
  if not found then raise exception 'not-found' using errcode = 'NR404'; end if;
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

do $$
declare f text;
begin
  foreach f in array array['fleet()', 'probed_agents(text)', 'agents_without_data(uuid[])', 'platform_admin()',
    'admin_queue(boolean,boolean,bigint,int,inet,text)', 'admin_queue_depth()', 'admin_live_workers()', 'admin_retry(uuid,inet,text)'] loop
    execute format('alter function nora.%s owner to nora_definer', f);
    execute format('revoke all on function nora.%s from public', f);
  end loop;
  foreach f in array array['fleet()', 'probed_agents(text)', 'agents_without_data(uuid[])'] loop
    execute format('grant execute on function nora.%s to nora_worker', f);
  end loop;
  foreach f in array array['admin_queue(boolean,boolean,bigint,int,inet,text)', 'admin_queue_depth()', 'admin_live_workers()',
    'admin_retry(uuid,inet,text)'] loop
    execute format('grant execute on function nora.%s to nora_app', f);
  end loop;
end $$;
