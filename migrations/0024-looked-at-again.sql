-- An operation that failed on a program which runs on leaves its agent degraded: how often that was in a row, and when,
-- so that reconciliation looks again, ever more seldom. Zero: nothing failed, or looking again cannot mend it.

set role nora_owner;
alter table nora.agents
  add column failed_tries int not null default 0 check (failed_tries >= 0),
  add column failed_at timestamptz;
reset role;
grant update (failed_tries, failed_at) on nora.agents to nora_worker;

drop function nora.fleet();
-- One call for reconciliation: every agent that is or may still be somewhere.
create function nora.fleet() returns table (agent_id uuid, workspace_id uuid, generation int, observed_generation int, desired_state text,
  state text, container_id text, container_ip inet, http_port int, network_slot int, gateway_id uuid, disk_enforced boolean, disk_mb int,
  crash_count int, last_crash_at timestamptz, open_operation boolean, keys_owed boolean, failed_tries int, failed_at timestamptz)
  language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select a.id, a.workspace_id, a.generation, a.observed_generation, a.desired_state, a.state, a.container_id, a.container_ip, a.http_port,
    a.network_slot, a.gateway_id, a.disk_enforced, a.disk_mb, a.crash_count, a.last_crash_at,
    exists (select 1 from nora.operations o where o.agent_id = a.id and o.status in ('pending', 'leased')), a.keys_owed,
    a.failed_tries, a.failed_at
  from nora.agents a where a.deleted_at is null
$$;
alter function nora.fleet() owner to nora_definer;
revoke all on function nora.fleet() from public;
grant execute on function nora.fleet() to nora_worker;
