-- Following logs: what a follower needs besides its cursor, which keys an agent was given, who is to be followed, and
-- waiting for a log's end.

set role nora_owner;
alter table nora.log_followers
  -- True once the log of `container_id` was read and stored to its end.
  add column ended boolean not null default false,
  -- Somebody who is about to remove a container asks that its log be read to the end: request n is answered by settled = n.
  add column settle_requested int not null default 0,
  add column settle_container text,
  add column settled int not null default 0;
-- Every sealed record that was delivered to an agent, as it was then. A follower opens them to take these keys out of the
-- agent's lines, also when a newer version is stored by now, and whichever worker follows. Gone with its credential; a
-- version that the agent no longer holds goes a day after it was replaced.
create table nora.given_secrets (
  workspace_id uuid not null,
  agent_id uuid not null,
  credential_id uuid not null,
  secret_version int not null,
  seq bigint generated always as identity,
  owner_id uuid not null,
  provider text not null,
  destination_hosts text[] not null,
  key_version int not null check (key_version >= 1),
  sealed bytea not null check (length(sealed) between 128 and 65536),
  given_at timestamptz not null default now(),
  superseded_at timestamptz,
  primary key (workspace_id, agent_id, credential_id, secret_version),
  foreign key (workspace_id, agent_id) references nora.agents (workspace_id, id) on delete cascade,
  foreign key (workspace_id, credential_id) references nora.credentials (workspace_id, id) on delete cascade
);
create index given_secrets_seq on nora.given_secrets (workspace_id, agent_id, seq);
create index given_secrets_credential on nora.given_secrets (workspace_id, credential_id);
-- Chunks are gzip already: do not try to compress them again.
alter table nora.log_chunks alter column data set storage external;
reset role;

alter table nora.given_secrets enable row level security;
alter table nora.given_secrets force row level security;
create policy definer on nora.given_secrets to nora_definer using (true) with check (true);
grant select, insert, update, delete on nora.given_secrets to nora_definer;
-- The api may see what was given when, never the record.
grant select (workspace_id, agent_id, credential_id, secret_version, key_version, given_at, superseded_at)
  on nora.given_secrets to nora_app;
create policy app_select on nora.given_secrets for select to nora_app using (workspace_id = (select nora.workspace()));
grant select, insert, update (superseded_at), delete on nora.given_secrets to nora_worker;
create policy worker_select on nora.given_secrets for select to nora_worker
  using (workspace_id = (select nora.workspace()) and agent_id = (select nora.agent())
    and (select nora.actor_kind()) in ('operation', 'follower'));
-- Only what the operation may read: the owner rule stands in the policy of credentials.
create policy worker_insert on nora.given_secrets for insert to nora_worker
  with check (workspace_id = (select nora.workspace()) and agent_id = (select nora.agent()) and (select nora.actor_kind()) = 'operation'
    and exists (select 1 from nora.credentials c where c.workspace_id = given_secrets.workspace_id and c.id = given_secrets.credential_id));
create policy worker_update on nora.given_secrets for update to nora_worker
  using (workspace_id = (select nora.workspace()) and agent_id = (select nora.agent()) and (select nora.actor_kind()) = 'operation')
  with check (workspace_id = (select nora.workspace()) and agent_id = (select nora.agent()) and (select nora.actor_kind()) = 'operation');
create policy worker_delete on nora.given_secrets for delete to nora_worker
  using (workspace_id = (select nora.workspace()) and agent_id = (select nora.agent()) and (select nora.actor_kind()) = 'operation');

grant update (ended, settled) on nora.log_followers to nora_worker;
-- A small last chunk grows until it is worth a row: a quiet agent does not cost a row a line.
grant update (last_seq, last_ts, lines, data) on nora.log_chunks to nora_worker;
create policy worker_update on nora.log_chunks for update to nora_worker
  using (workspace_id = (select nora.workspace()) and agent_id = (select nora.agent()) and (select nora.actor_kind()) = 'follower')
  with check (workspace_id = (select nora.workspace()) and agent_id = (select nora.agent()) and (select nora.actor_kind()) = 'follower');

-- Agents with a container whose log is free to follow, or already followed by this worker: one call for all.
create function nora.followable(p_worker text) returns table (agent_id uuid, container_id text, generation int, state text,
  settle_requested int, held boolean) language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select a.id, case when f.settle_requested > f.settled then f.settle_container else a.container_id end, a.generation, a.state,
    coalesce(f.settle_requested, 0), coalesce(f.worker_id = p_worker and f.lease_until > clock_timestamp(), false)
  from nora.agents a left join nora.log_followers f on f.agent_id = a.id
  where a.deleted_at is null and (a.container_id is not null or f.settle_requested > f.settled)
    and (f.lease_until is null or f.lease_until < clock_timestamp() or f.worker_id = p_worker)
$$;

-- A follower that is writing right now is skipped, not waited for: its own transaction extends its lease.
create or replace function nora.renew_followers(p_worker text, p_lease interval) returns table (agent_id uuid, fence int)
  language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  update nora.log_followers f set lease_until = clock_timestamp() + p_lease
  from (select x.agent_id from nora.log_followers x where x.worker_id = p_worker and x.lease_until > clock_timestamp()
    for no key update skip locked) held
  where f.agent_id = held.agent_id returning f.agent_id, f.fence
$$;

-- Asks whoever follows to read a container's log to its end. Gives the number to wait for; null when the agent is gone.
create function nora.request_settle(p_agent uuid, p_container text) returns int language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare n int;
begin
  insert into nora.log_followers (workspace_id, agent_id)
    select a.workspace_id, a.id from nora.agents a where a.id = p_agent on conflict do nothing;
  update nora.log_followers f set settle_requested = f.settle_requested + 1, settle_container = p_container
    where f.agent_id = p_agent returning f.settle_requested into n;
  return n;
end $$;

-- Whether request n was answered.
create function nora.is_settled(p_agent uuid, p_request int) returns boolean language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$
  select coalesce((select f.settled >= p_request from nora.log_followers f where f.agent_id = p_agent), false)
$$;

-- The asker waits no longer (the container goes now): followers must not go on looking for it. `ended` stays what it is.
create function nora.end_settle(p_agent uuid, p_request int) returns void language sql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
  update nora.log_followers set settled = p_request where agent_id = p_agent and settled < p_request
$$;

do $$
declare f text;
begin
  foreach f in array array['followable(text)', 'request_settle(uuid,text)', 'is_settled(uuid,int)', 'end_settle(uuid,int)'] loop
    execute format('alter function nora.%s owner to nora_definer', f);
    execute format('revoke all on function nora.%s from public', f);
    execute format('grant execute on function nora.%s to nora_worker', f);
  end loop;
end $$;
