-- What workers need without a tenant's context: lease, sweep, listings. Each returns ids and states, never a secret.

-- Takes one operation: pending and due (a cancelled one at once), or leased by somebody whose lease ended. Oldest first per agent. The attempt is the fence.
create function nora.lease_operation(p_operation uuid, p_worker text, p_lease interval)
  returns table (id uuid, workspace_id uuid, agent_id uuid, credential_id uuid, kind text, attempt int, deadline_at timestamptz,
    correlation_id text, cancel_requested boolean) language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  return query update nora.operations o
    set status = 'leased', worker_id = p_worker, attempt = o.attempt + 1, lease_until = clock_timestamp() + p_lease,
        started_at = coalesce(o.started_at, now()), reason = case when o.attempt = 0 then 'a worker took it' else 'a worker took it over' end
    where o.id = p_operation
      and ((o.status = 'pending' and (o.not_before <= now() or o.cancel_requested_at is not null))
        or (o.status = 'leased' and o.lease_until < clock_timestamp()))
      and not exists (select 1 from nora.operations e where e.agent_id = o.agent_id and e.seq < o.seq and e.status in ('pending', 'leased'))
    returning o.id, o.workspace_id, o.agent_id, o.credential_id, o.kind, o.attempt, o.deadline_at, o.correlation_id,
      o.cancel_requested_at is not null;
exception when unique_violation then
  return;
end $$;

-- Extends the lease. No row: it is lost and the worker stops at once.
create function nora.renew_operation(p_operation uuid, p_worker text, p_attempt int, p_lease interval)
  returns table (cancel_requested boolean) language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  update nora.operations set lease_until = clock_timestamp() + p_lease
  where id = p_operation and status = 'leased' and worker_id = p_worker and attempt = p_attempt and lease_until > clock_timestamp()
  returning cancel_requested_at is not null
$$;

-- Gives an operation back (orderly stop of a worker, or waiting for something): pending again, not before a moment.
create function nora.release_operation(p_operation uuid, p_worker text, p_attempt int, p_delay interval, p_reason text) returns boolean
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  update nora.operations set status = 'pending', worker_id = null, lease_until = null, not_before = now() + p_delay, reason = p_reason
  where id = p_operation and status = 'leased' and worker_id = p_worker and attempt = p_attempt;
  return found;
end $$;

-- A worker that starts under a name ends what a dead process of that name still holds; there is one process a name. Should
-- the old one live after all, its fences are gone with its leases.
create function nora.end_leases_of(p_worker text) returns void language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  update nora.operations set lease_until = clock_timestamp() - interval '1 millisecond'
    where worker_id = p_worker and status = 'leased' and lease_until > clock_timestamp();
  update nora.log_followers set lease_until = clock_timestamp() - interval '1 millisecond'
    where worker_id = p_worker and lease_until > clock_timestamp();
  update nora.gateways set worker_id = null, lease_until = null where worker_id = p_worker;
end $$;

-- Proves a leased operation by its fence and locks the row, so that a lease cannot be taken while this transaction writes.
create function nora.enter_operation(p_operation uuid, p_worker text, p_attempt int)
  returns table (workspace_id uuid, agent_id uuid, credential_id uuid, cancel_requested boolean) language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare o record;
begin
  select x.id, x.workspace_id, x.agent_id, x.credential_id, x.cancel_requested_at into o from nora.operations x
    where x.id = p_operation and x.status = 'leased' and x.worker_id = p_worker and x.attempt = p_attempt
      and x.lease_until > clock_timestamp() for no key update;
  if not found then raise exception 'lease-lost' using errcode = 'NR409'; end if;
  perform nora.set_context('operation', o.id, o.workspace_id, 'worker', o.agent_id, o.credential_id);
  return query select o.workspace_id, o.agent_id, o.credential_id, o.cancel_requested_at is not null;
end $$;

-- What the sweeper begins: due and pending, or leased by the dead; and what becomes so within p_ahead, with the time left.
create function nora.due_operations(p_limit int, p_ahead interval) returns table (id uuid, due_in_ms int) language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$
  select o.id, greatest(0, ceil(1000 * extract(epoch from d.due - clock_timestamp())))::int
  from nora.operations o, lateral (select case when o.status = 'leased' then o.lease_until
    when o.cancel_requested_at is not null then now() else o.not_before end as due) d
  where o.status in ('pending', 'leased') and d.due <= now() + p_ahead
    and not exists (select 1 from nora.operations e where e.agent_id = o.agent_id and e.seq < o.seq and e.status in ('pending', 'leased'))
  order by d.due limit p_limit
$$;

-- One call for reconciliation: every agent that is or may still be somewhere.
create function nora.fleet() returns table (agent_id uuid, workspace_id uuid, generation int, observed_generation int, desired_state text,
  state text, container_id text, container_ip inet, http_port int, network_slot int, gateway_id uuid, disk_enforced boolean, disk_mb int,
  crash_count int, last_crash_at timestamptz, open_operation boolean) language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select a.id, a.workspace_id, a.generation, a.observed_generation, a.desired_state, a.state, a.container_id, a.container_ip, a.http_port,
    a.network_slot, a.gateway_id, a.disk_enforced, a.disk_mb, a.crash_count,
    a.last_crash_at, exists (select 1 from nora.operations o where o.agent_id = a.id and o.status in ('pending', 'leased'))
  from nora.agents a where a.deleted_at is null
$$;

-- Drift inserts an operation and nothing else. Null when one is open already, or the agent is gone.
create function nora.request_operation(p_agent uuid, p_kind text, p_reason text, p_delay interval) returns uuid
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  a record;
  op uuid;
begin
  if p_kind not in ('reconcile', 'stop') then raise exception 'kind not allowed' using errcode = 'NR403'; end if;
  select x.id, x.workspace_id into a from nora.agents x where x.id = p_agent and x.deleted_at is null for update;
  if not found then return null; end if;
  if exists (select 1 from nora.operations o where o.agent_id = p_agent and o.status in ('pending', 'leased')) then return null; end if;
  insert into nora.operations (workspace_id, agent_id, kind, not_before, reason)
    values (a.workspace_id, a.id, p_kind, now() + p_delay, p_reason) returning id into op;
  perform nora.write_audit('AGENT_DRIFT', 'system', 'system', a.workspace_id, 'agent', a.id::text, null, null,
    jsonb_build_object('reason', p_reason, 'operation', op));
  return op;
end $$;

-- The /29 number of an agent's own network. Stable once given; the lowest free one, under a lock.
create function nora.network_slot(p_slots int) returns int language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  slot int;
begin
  if nora.actor_kind() is distinct from 'operation' or nora.agent() is null then
    raise exception 'no operation' using errcode = 'NR403';
  end if;
  select network_slot into slot from nora.agents where id = nora.agent();
  if slot is not null then return slot; end if;
  perform 1 from nora.installation for update;
  select s into slot from generate_series(2, p_slots - 1) s
    where not exists (select 1 from nora.agents a where a.network_slot = s) order by s limit 1;
  if slot is null then raise exception 'network pool exhausted' using errcode = 'NR409'; end if;
  update nora.agents set network_slot = slot where id = nora.agent();
  return slot;
end $$;

create function nora.release_network_slot() returns void language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  if nora.actor_kind() is distinct from 'operation' then raise exception 'no operation' using errcode = 'NR403'; end if;
  update nora.agents set network_slot = null, gateway_id = null, container_id = null, container_ip = null
    where id = nora.agent() and desired_state = 'deleted';
end $$;

-- The gateway an agent hangs on: the one it has, else the first with room.
create function nora.assign_gateway(p_capacity int) returns uuid language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  gid uuid;
begin
  if nora.actor_kind() is distinct from 'operation' or nora.agent() is null then
    raise exception 'no operation' using errcode = 'NR403';
  end if;
  select gateway_id into gid from nora.agents where id = nora.agent();
  if gid is not null then return gid; end if;
  perform 1 from nora.installation for update;
  select g.id into gid from nora.gateways g
    where (select count(*) from nora.agents a where a.gateway_id = g.id) < p_capacity order by g.index limit 1;
  if gid is null then
    insert into nora.gateways (index) values (coalesce((select max(index) + 1 from nora.gateways), 0)) returning id into gid;
  end if;
  update nora.agents set gateway_id = gid where id = nora.agent();
  return gid;
end $$;

-- Followers: who may read one agent's log and write its chunks. The fence grows with each new holder.
create function nora.lease_follower(p_agent uuid, p_worker text, p_lease interval) returns int language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare f int;
begin
  insert into nora.log_followers (workspace_id, agent_id)
    select a.workspace_id, a.id from nora.agents a where a.id = p_agent on conflict do nothing;
  update nora.log_followers set worker_id = p_worker, fence = fence + 1, lease_until = clock_timestamp() + p_lease
    where agent_id = p_agent and (lease_until is null or lease_until < clock_timestamp() or worker_id = p_worker)
    returning fence into f;
  return f;
end $$;

create function nora.renew_followers(p_worker text, p_lease interval) returns table (agent_id uuid, fence int)
  language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  update nora.log_followers set lease_until = clock_timestamp() + p_lease
  where worker_id = p_worker and lease_until > clock_timestamp() returning agent_id, fence
$$;

create function nora.release_follower(p_agent uuid, p_worker text, p_fence int) returns void
  language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  update nora.log_followers set worker_id = null, lease_until = null
  where agent_id = p_agent and worker_id = p_worker and fence = p_fence
$$;

create function nora.enter_follower(p_agent uuid, p_worker text, p_fence int) returns uuid language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare w uuid;
begin
  select x.workspace_id into w from nora.log_followers x where x.agent_id = p_agent and x.worker_id = p_worker and x.fence = p_fence
    and x.lease_until > clock_timestamp() for no key update;
  if not found then raise exception 'lease-lost' using errcode = 'NR409'; end if;
  perform nora.set_context('follower', null, w, 'worker', p_agent, null);
  return w;
end $$;

-- A viewer's stream, checked against its session and membership at every transaction.
create function nora.enter_stream(p_stream uuid) returns table (workspace_id uuid, agent_id uuid, kind text)
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare x record;
begin
  perform nora.check_stream(p_stream);
  select t.workspace_id, t.agent_id, t.kind, t.user_id into x from nora.streams t where t.id = p_stream;
  perform nora.set_context('viewer', x.user_id, x.workspace_id, 'viewer', x.agent_id, null);
  return query select x.workspace_id, x.agent_id, x.kind;
end $$;

-- Housekeeping of what has an end by itself. Returns how many rows went.
create function nora.expire_rows() returns bigint language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare n bigint; total bigint := 0;
begin
  delete from nora.idempotency_keys where created_at < now() - interval '24 hours';
  get diagnostics n = row_count; total := total + n;
  delete from nora.streams where created_at < now() - interval '9 hours';
  get diagnostics n = row_count; total := total + n;
  delete from nora.sessions where expires_at < now() - interval '30 days';
  get diagnostics n = row_count; total := total + n;
  delete from nora.workers where last_seen_at < now() - interval '1 day';
  get diagnostics n = row_count; total := total + n;
  return total;
end $$;

-- Security events of the machinery itself; only types that a worker may report.
create function nora.report_security_event(p_type text, p_workspace uuid, p_target_kind text, p_target text, p_details jsonb) returns void
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if p_type not in ('ORPHAN_REMOVED', 'CAPABILITY_REFUSED', 'SECRET_OPEN_FAILED', 'NAME_TAKEN') then
    raise exception 'type not allowed' using errcode = 'NR403';
  end if;
  perform nora.write_audit(p_type, 'system', 'system', p_workspace, p_target_kind, p_target, null, null, p_details);
end $$;

do $$
declare f text;
begin
  foreach f in array array['lease_operation(uuid,text,interval)', 'renew_operation(uuid,text,int,interval)',
    'release_operation(uuid,text,int,interval,text)', 'end_leases_of(text)', 'enter_operation(uuid,text,int)', 'due_operations(int,interval)', 'fleet()',
    'request_operation(uuid,text,text,interval)', 'network_slot(int)', 'release_network_slot()', 'assign_gateway(int)',
    'lease_follower(uuid,text,interval)', 'renew_followers(text,interval)', 'release_follower(uuid,text,int)',
    'enter_follower(uuid,text,int)', 'enter_stream(uuid)', 'expire_rows()', 'report_security_event(text,uuid,text,text,jsonb)'] loop
    execute format('alter function nora.%s owner to nora_definer', f);
    execute format('revoke all on function nora.%s from public', f);
    execute format('grant execute on function nora.%s to nora_worker', f);
  end loop;
end $$;
