-- What agents use: one sample each ten seconds, kept for a day, for charts. The machinery writes them and tenants read them.

set role nora_owner;
create table nora.agent_samples (
  workspace_id uuid not null,
  agent_id uuid not null,
  at timestamptz not null,
  -- 100 is one core, over the time since the sample before.
  cpu_percent numeric not null check (cpu_percent >= 0),
  memory_bytes bigint not null check (memory_bytes >= 0),
  memory_limit_bytes bigint not null check (memory_limit_bytes >= 0),
  -- Since the container was started.
  network_rx_bytes bigint not null check (network_rx_bytes >= 0),
  network_tx_bytes bigint not null check (network_tx_bytes >= 0),
  pids int not null check (pids >= 0),
  disk_bytes bigint check (disk_bytes >= 0),
  disk_limit_bytes bigint check (disk_limit_bytes >= 0),
  primary key (agent_id, at),
  foreign key (workspace_id, agent_id) references nora.agents (workspace_id, id) on delete cascade
);
create index agent_samples_age on nora.agent_samples (at);
reset role;

alter table nora.agent_samples enable row level security;
alter table nora.agent_samples force row level security;
create policy definer on nora.agent_samples to nora_definer using (true) with check (true);
grant select, insert, delete on nora.agent_samples to nora_definer;
-- Read by the workspace, and by its programs that have the scope. No role writes but through the functions below.
grant select on nora.agent_samples to nora_app;
create policy app_select on nora.agent_samples for select to nora_app using (workspace_id = (select nora.workspace()));
create policy key_narrows on nora.agent_samples as restrictive for select to nora_app
  using ((select nora.actor_kind()) <> 'api_key' or (select nora.key_may('metrics:read')));

-- Running agents whose log this worker follows: that lease says who samples an agent, too, so that no two workers do.
create function nora.sampled_agents(p_worker text) returns table (agent_id uuid, container_id text)
  language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select a.id, a.container_id from nora.log_followers f join nora.agents a on a.id = f.agent_id
  where f.worker_id = p_worker and f.lease_until > clock_timestamp()
    and a.deleted_at is null and a.container_id is not null and a.state in ('running', 'degraded')
$$;

-- Writes one round of samples, a JSON array. Left out: an agent that this worker does not follow any more, that is deleted, or
-- whose container is another one by now. Gives how many were written.
create function nora.record_samples(p_worker text, p_samples jsonb) returns int language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare n int;
begin
  insert into nora.agent_samples (workspace_id, agent_id, at, cpu_percent, memory_bytes, memory_limit_bytes, network_rx_bytes,
    network_tx_bytes, pids, disk_bytes, disk_limit_bytes)
  select a.workspace_id, a.id, now(), s.cpu_percent, s.memory_bytes, s.memory_limit_bytes, s.network_rx_bytes, s.network_tx_bytes,
    s.pids, s.disk_bytes, s.disk_limit_bytes
  from jsonb_to_recordset(p_samples) as s (agent_id uuid, container_id text, cpu_percent numeric, memory_bytes bigint,
    memory_limit_bytes bigint, network_rx_bytes bigint, network_tx_bytes bigint, pids int, disk_bytes bigint, disk_limit_bytes bigint)
  join nora.agents a on a.id = s.agent_id and a.container_id = s.container_id and a.deleted_at is null
  join nora.log_followers f on f.agent_id = a.id and f.worker_id = p_worker and f.lease_until > clock_timestamp()
  on conflict do nothing;
  get diagnostics n = row_count;
  return n;
end $$;

-- Removes samples that are older than a day, and those of deleted agents; at most p_rows of each a call. Gives how many went.
create function nora.trim_samples(p_rows int) returns int language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare n int;
begin
  with old as (
    select s.agent_id, s.at from nora.agent_samples s where s.at < now() - interval '24 hours' order by s.at limit p_rows
  ), deleted as (
    -- Those that were deleted earlier have no sample left that is not old.
    select s.agent_id, s.at from nora.agents a join nora.agent_samples s on s.agent_id = a.id
    where a.deleted_at > now() - interval '25 hours' limit p_rows
  )
  delete from nora.agent_samples s using (select * from old union select * from deleted) x
    where s.agent_id = x.agent_id and s.at = x.at;
  get diagnostics n = row_count;
  return n;
end $$;

do $$
declare f text;
begin
  foreach f in array array['sampled_agents(text)', 'record_samples(text,jsonb)', 'trim_samples(int)'] loop
    execute format('alter function nora.%s owner to nora_definer', f);
    execute format('revoke all on function nora.%s from public', f);
    execute format('grant execute on function nora.%s to nora_worker', f);
  end loop;
end $$;
