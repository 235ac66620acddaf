-- Terminals into agents. Whoever has one runs code as the agent and reads the keys it holds, so Postgres itself asks for what
-- security asks: a role that may write, no key of somebody else's that was not shared, the password or passkey shown just now.
-- A session outlives its socket for some minutes; its row here says whose it is, which worker has it, and where its processes are.

set role nora_owner;
create table nora.exec_sessions (
  id uuid primary key default gen_random_uuid(),
  workspace_id uuid not null,
  agent_id uuid not null,
  user_id uuid not null references nora.users (id) on delete cascade,
  -- The sign-in that began it: no other comes back to it.
  session_id uuid not null references nora.sessions (id) on delete cascade,
  worker_id text not null check (length(worker_id) <= 200),
  container_id text not null check (length(container_id) <= 100),
  -- The process id of its shell, as the container counts since it was started (container_run, the engine's own word): whoever finds
  -- the worker dead ends what it left.
  leader int check (leader > 1),
  container_run text check (length(container_run) <= 100),
  started_at timestamptz not null default now(),
  foreign key (workspace_id, agent_id) references nora.agents (workspace_id, id) on delete cascade
);
create index exec_sessions_agent on nora.exec_sessions (workspace_id, agent_id);
create index exec_sessions_worker on nora.exec_sessions (worker_id);
create index exec_sessions_user on nora.exec_sessions (user_id);
create index exec_sessions_session on nora.exec_sessions (session_id);
reset role;

alter table nora.exec_sessions enable row level security;
alter table nora.exec_sessions force row level security;
create policy definer on nora.exec_sessions to nora_definer using (true) with check (true);
grant select, insert, update, delete on nora.exec_sessions to nora_definer;
-- The api reads a person's own, to find the worker that has one. No role writes but through the functions below.
grant select on nora.exec_sessions to nora_app;
create policy app_select on nora.exec_sessions for select to nora_app
  using (workspace_id = (select nora.workspace()) and user_id = (select nora.actor()) and (select nora.actor_kind()) = 'user');

-- Whether an agent has, or was given and may still have, a key that this person may not use.
create function nora.holds_foreign_key(p_agent uuid, p_user uuid) returns boolean language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$
  select exists (
    select 1 from (
      select ac.workspace_id, ac.credential_id from nora.agent_credentials ac where ac.agent_id = p_agent
      union all
      select g.workspace_id, g.credential_id from nora.given_secrets g where g.agent_id = p_agent and g.superseded_at is null
    ) held join nora.credentials c on c.workspace_id = held.workspace_id and c.id = held.credential_id
    where c.owner_id <> p_user and not (c.kind <> 'exchange' and c.shared_with_workspace and exists (
      select 1 from nora.memberships m where m.workspace_id = c.workspace_id and m.user_id = c.owner_id)))
$$;

-- Tickets for terminals are made by nora.issue_exec_ticket alone.
drop policy app_insert on nora.streams;
create policy app_insert on nora.streams for insert to nora_app
  with check (workspace_id = (select nora.workspace()) and user_id = (select nora.actor()) and redeemed_at is null and kind <> 'exec'
    and exists (select 1 from nora.sessions s where s.id = streams.session_id));

-- As in 0005, and of a terminal what may change while it is open: the role, and the keys that the agent holds.
create or replace function nora.check_stream(p_stream uuid) returns void language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  perform 1 from nora.streams x join nora.sessions s on s.id = x.session_id join nora.users u on u.id = x.user_id
    join nora.memberships m on m.workspace_id = x.workspace_id and m.user_id = x.user_id
    where x.id = p_stream and x.redeemed_at > now() - interval '8 hours' and s.user_id = x.user_id and s.revoked_at is null
      and s.expires_at > now() and s.idle_expires_at > now() and u.disabled_at is null
      and (x.kind <> 'exec' or (m.role in ('editor', 'admin', 'owner') and not nora.holds_foreign_key(x.agent_id, x.user_id)));
  if not found then raise exception 'stream-revoked' using errcode = 'NR403'; end if;
end $$;

-- As in 0023-3, and a word for a terminal is good for five minutes: it is not kept for later.
create or replace function nora.action_word(p_action text, p_target uuid, p_user uuid)
  returns table (enrolled boolean, nonce bytea, credential_id bytea, public_key bytea, assertion jsonb)
  language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  if coalesce(nora.actor_kind(), '') not in ('operation', 'viewer') then perform nora.raise_problem(403, 'forbidden'); end if;
  perform 1 from nora.memberships m where m.workspace_id = nora.workspace() and m.user_id = p_user;
  if not found then perform nora.raise_problem(403, 'forbidden'); end if;
  return query select nora.has_passkeys(p_user), a.nonce, a.credential_id, a.public_key, a.assertion
    from (select 1) one left join lateral (
      select x.nonce, p.credential_id, p.public_key, x.assertion
      from nora.action_assertions x join nora.passkeys p on p.id = x.passkey_id and p.user_id = x.user_id
      where x.action = p_action and x.target_id = p_target and x.user_id = p_user and x.spent_at is null
        and (x.action <> 'agent:exec' or x.created_at > now() - interval '5 minutes')
      order by x.created_at desc limit 1) a on true;
end $$;

-- A ticket for a terminal. NR404 not-found; NR403 forbidden | agent-holds-foreign-key | step-up-required |
-- passkey-confirmation-required, which whoever has a session there that they may come back to is not asked: the worker decides.
create function nora.issue_exec_ticket(p_session uuid, p_secret bytea, p_agent uuid, p_ticket_hash bytea)
  returns uuid language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  sid uuid;
begin
  if not nora.may_write() then perform nora.raise_problem(403, 'forbidden'); end if;
  perform 1 from nora.agents a where a.id = p_agent and a.workspace_id = nora.workspace() and a.deleted_at is null;
  if not found then perform nora.raise_problem(404, 'not-found'); end if;
  if nora.holds_foreign_key(p_agent, nora.actor()) then perform nora.raise_problem(403, 'agent-holds-foreign-key'); end if;
  perform nora.require_recent_proof(p_session, p_secret);
  perform 1 from nora.sessions s where s.id = p_session and s.user_id = nora.actor();
  if not found then perform nora.raise_problem(403, 'step-up-required'); end if;
  if nora.has_passkeys(nora.actor())
    and not exists (select 1 from nora.action_assertions a where a.action = 'agent:exec' and a.target_id = p_agent
      and a.user_id = nora.actor() and a.spent_at is null and a.created_at > now() - interval '5 minutes')
    and not exists (select 1 from nora.exec_sessions e where e.agent_id = p_agent and e.user_id = nora.actor()
      and e.session_id = p_session)
  then perform nora.raise_problem(403, 'passkey-confirmation-required'); end if;
  insert into nora.streams (workspace_id, agent_id, user_id, session_id, kind, ticket_hash, ticket_expires_at)
    values (nora.workspace(), p_agent, nora.actor(), p_session, 'exec', p_ticket_hash, now() + interval '30 seconds') returning id into sid;
  return sid;
end $$;

-- The stream in whose context a worker is, when it is for a terminal and was redeemed just now: one admission does not open
-- terminals all day. NR403 forbidden.
create function nora.exec_stream(p_stream uuid) returns nora.streams language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  x nora.streams;
begin
  select * into x from nora.streams s where s.id = p_stream and s.kind = 'exec' and s.agent_id = nora.agent()
    and s.user_id = nora.actor() and s.workspace_id = nora.workspace() and nora.actor_kind() = 'viewer'
    and s.redeemed_at > now() - interval '1 minute';
  if not found then perform nora.raise_problem(403, 'forbidden'); end if;
  return x;
end $$;

-- Begins a session for the viewer in whose context the worker is, and says in which container. NR404 not-found; NR409
-- agent-not-running; NR429 too-many: two an agent, counted under a lock.
create function nora.begin_exec(p_stream uuid, p_worker text) returns table (exec_id uuid, container_id text, user_id uuid)
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  x nora.streams := nora.exec_stream(p_stream);
  a record;
  eid uuid;
begin
  perform pg_advisory_xact_lock(hashtextextended('nora/exec/' || x.agent_id, 0));
  select g.container_id as container, g.state into a from nora.agents g
    where g.workspace_id = x.workspace_id and g.id = x.agent_id and g.deleted_at is null;
  if not found then perform nora.raise_problem(404, 'not-found'); end if;
  if a.container is null or a.state not in ('running', 'degraded') then perform nora.raise_problem(409, 'agent-not-running'); end if;
  if (select count(*) from nora.exec_sessions e where e.workspace_id = x.workspace_id and e.agent_id = x.agent_id) >= 2 then
    perform nora.raise_problem(429, 'too-many');
  end if;
  insert into nora.exec_sessions (workspace_id, agent_id, user_id, session_id, worker_id, container_id)
    values (x.workspace_id, x.agent_id, x.user_id, x.session_id, p_worker, a.container) returning id into eid;
  perform nora.write_audit('EXEC_STARTED', 'user', x.user_id::text, x.workspace_id, 'agent', x.agent_id::text, null, null,
    jsonb_build_object('execId', eid, 'streamId', x.id));
  return query select eid, a.container, x.user_id;
end $$;

-- Whether the viewer may come back to this session of this worker's: the same person, in the same sign-in.
create function nora.may_attach_exec(p_stream uuid, p_exec uuid, p_worker text) returns boolean language plpgsql stable
  security definer set search_path = pg_catalog, pg_temp as $$
declare
  x nora.streams := nora.exec_stream(p_stream);
begin
  return exists (select 1 from nora.exec_sessions e where e.id = p_exec and e.workspace_id = x.workspace_id and e.agent_id = x.agent_id
    and e.user_id = x.user_id and e.session_id = x.session_id and e.worker_id = p_worker);
end $$;

-- Notes where a session's processes are.
create function nora.note_exec(p_exec uuid, p_worker text, p_run text, p_leader int) returns void language sql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
  update nora.exec_sessions set container_run = p_run, leader = p_leader where id = p_exec and worker_id = p_worker
$$;

-- Ends a session of this worker's. False: it had ended.
create function nora.end_exec(p_exec uuid, p_worker text, p_how text, p_exit_code int, p_leftovers boolean) returns boolean
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  e nora.exec_sessions;
begin
  delete from nora.exec_sessions x where x.id = p_exec and x.worker_id = p_worker returning * into e;
  if not found then return false; end if;
  perform nora.write_audit('EXEC_ENDED', 'user', e.user_id::text, e.workspace_id, 'agent', e.agent_id::text, null, null,
    jsonb_strip_nulls(jsonb_build_object('execId', e.id, 'how', p_how, 'exitCode', p_exit_code,
      'seconds', round(extract(epoch from clock_timestamp() - e.started_at)), 'leftovers', nullif(p_leftovers, false))));
  return true;
end $$;

-- Sessions that nobody has any more, of workers that are gone and of this one's earlier life: they are this worker's now, to end.
create function nora.lost_execs(p_worker text, p_ids uuid[]) returns table (exec_id uuid, agent_id uuid, container_id text,
  container_run text, leader int) language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  update nora.exec_sessions e set worker_id = p_worker
    where (e.worker_id = p_worker and e.id <> all (p_ids) and e.started_at < now() - interval '10 seconds')
      or (e.worker_id <> p_worker and not exists (select 1 from nora.workers w where w.id = e.worker_id
        and w.last_seen_at > now() - interval '20 seconds'))
    returning e.id, e.agent_id, e.container_id, e.container_run, e.leader
$$;

do $$
declare
  f text;
  inner_ones text[] := array['holds_foreign_key(uuid,uuid)', 'exec_stream(uuid)'];
  for_worker text[] := array['begin_exec(uuid,text)', 'may_attach_exec(uuid,uuid,text)', 'note_exec(uuid,text,text,int)',
    'end_exec(uuid,text,text,int,boolean)', 'lost_execs(text,uuid[])'];
begin
  foreach f in array inner_ones || for_worker || array['issue_exec_ticket(uuid,bytea,uuid,bytea)'] loop
    execute format('alter function nora.%s owner to nora_definer', f);
    execute format('revoke all on function nora.%s from public', f);
  end loop;
  foreach f in array for_worker loop execute format('grant execute on function nora.%s to nora_worker', f); end loop;
  grant execute on function nora.issue_exec_ticket(uuid, bytea, uuid, bytea) to nora_app;
end $$;
