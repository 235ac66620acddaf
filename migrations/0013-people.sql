-- Who belongs to a workspace, and its end. nora_app writes neither memberships nor invitations nor workspaces itself: each
-- change is a named function that takes the workspace's lock, reads the caller's role anew under it, decides, and writes the
-- audit row. SQLSTATEs as in 0005; the message is the problem's code.

set role nora_owner;
-- Since when it is being deleted; it goes when its agents are gone.
alter table nora.workspaces add column deleting_since timestamptz;
create index workspaces_deleting on nora.workspaces (deleting_since) where deleting_since is not null;

create table nora.invitations (
  id uuid primary key default gen_random_uuid(),
  workspace_id uuid not null references nora.workspaces (id) on delete cascade,
  email text not null check (length(email) between 3 and 254),
  role text not null check (role in ('viewer', 'editor', 'admin', 'owner')),
  token_hash bytea not null unique check (length(token_hash) = 32),
  invited_by uuid not null references nora.users (id) on delete cascade,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
-- One open invitation an address: an older one goes when it is replaced, accepted or taken back.
create unique index invitations_email on nora.invitations (workspace_id, lower(email));

-- Agents whose rows went with their workspace, but for those whose data somebody asked to keep: on this word a worker removes
-- what one of them may have left on its engine.
create table nora.gone_agents (
  id uuid primary key,
  gone_at timestamptz not null default now()
);
reset role;

alter table nora.gone_agents enable row level security;
alter table nora.gone_agents force row level security;
create policy definer on nora.gone_agents to nora_definer using (true) with check (true);
grant select, insert, update, delete on nora.gone_agents to nora_definer;
create or replace function nora.agents_without_data(p_agents uuid[]) returns setof uuid language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$
  select a.id from nora.agents a where a.id = any (p_agents) and a.deleted_at is not null and not a.keep_data
  union all select g.id from nora.gone_agents g where g.id = any (p_agents)
$$;

alter table nora.invitations enable row level security;
alter table nora.invitations force row level security;
create policy definer on nora.invitations to nora_definer using (true) with check (true);
grant select, insert, update, delete on nora.invitations to nora_definer;
-- Never the token's hash.
grant select (id, workspace_id, email, role, invited_by, created_at, expires_at) on nora.invitations to nora_app;
create policy app_select on nora.invitations for select to nora_app
  using (workspace_id = (select nora.workspace()) and (select nora.actor_kind()) = 'user' and (select nora.role()) in ('admin', 'owner'));

-- A key is shared for as long as its owner belongs to the workspace. Seen, attached, tested and delivered alike.
drop policy app_select on nora.credentials;
create policy app_select on nora.credentials for select to nora_app
  using (workspace_id = (select nora.workspace()) and (owner_id = (select nora.actor()) or (shared_with_workspace and exists (
    select 1 from nora.memberships m where m.workspace_id = credentials.workspace_id and m.user_id = credentials.owner_id))));
create or replace function nora.may_deliver(p_credential uuid, p_owner uuid, p_shared boolean) returns boolean
  language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select nora.context_field(1) = 'operation'
    and exists (select 1 from nora.memberships m where m.workspace_id = nora.context_field(3)::uuid and m.user_id = p_owner)
    and (p_credential = nora.context_field(6)::uuid or exists (
      select 1 from nora.agent_credentials ac join nora.agents a on a.workspace_id = ac.workspace_id and a.id = ac.agent_id
      where ac.workspace_id = nora.context_field(3)::uuid and ac.credential_id = p_credential
        and ac.agent_id = nora.context_field(5)::uuid and (a.owner_id = p_owner or p_shared)))
$$;

-- No new agent in a workspace that is going.
drop policy app_insert on nora.agents;
create policy app_insert on nora.agents for insert to nora_app
  with check (workspace_id = (select nora.workspace()) and owner_id = (select nora.actor()) and (select nora.may_write())
    and exists (select 1 from nora.workspaces w where w.id = agents.workspace_id and w.deleting_since is null));

-- `personal` is the caller's own: a personal workspace that somebody else shares is one of many.
drop function nora.my_workspaces();
create function nora.my_workspaces() returns table (id uuid, name text, role text, personal boolean, deleting boolean, created_at timestamptz)
  language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select w.id, w.name, m.role, w.personal_of is not distinct from nora.actor(), w.deleting_since is not null, w.created_at
  from nora.memberships m join nora.workspaces w on w.id = m.workspace_id
  where m.user_id = nora.actor() order by w.personal_of is distinct from nora.actor(), w.created_at, w.id
$$;

-- viewer 1 < editor 2 < admin 3 < owner 4; anything else is above them all.
create function nora.rank(p_role text) returns int language sql immutable set search_path = pg_catalog, pg_temp as $$
  select coalesce(array_position(array['viewer', 'editor', 'admin', 'owner'], p_role), 99)
$$;

create function nora.raise_problem(p_status int, p_code text) returns void language plpgsql volatile
  set search_path = pg_catalog, pg_temp as $$
begin
  raise exception '%', p_code using errcode = 'NR' || p_status;
end $$;

-- Shows the password again: for ten minutes this session, and no other, may do what asks for it. NR401 invalid-credentials.
create function nora.step_up(p_session uuid, p_secret bytea, p_password_proof bytea, p_ip inet, p_correlation text)
  returns timestamptz language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  ends timestamptz;
begin
  update nora.sessions s set stepped_up_until = least(now() + interval '10 minutes', s.expires_at)
    from nora.users u
    where s.id = p_session and s.user_id = nora.actor() and s.secret_hash = sha256(p_secret) and s.revoked_at is null
      and u.id = s.user_id and u.disabled_at is null and u.password_verifier = sha256(p_password_proof)
    returning s.stepped_up_until into ends;
  if ends is null then perform nora.raise_problem(401, 'invalid-credentials'); end if;
  perform nora.write_audit('STEPPED_UP', 'user', nora.actor()::text, null, 'session', p_session::text, p_ip, p_correlation, '{}');
  return ends;
end $$;

-- The session is named by its proof, so that a statement in one session cannot borrow another's step-up.
create function nora.require_step_up(p_session uuid, p_secret bytea) returns void language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  perform 1 from nora.sessions s where s.id = p_session and s.user_id = nora.actor() and s.secret_hash = sha256(p_secret)
    and s.revoked_at is null and s.stepped_up_until > clock_timestamp();
  if not found then perform nora.raise_problem(403, 'step-up-required'); end if;
end $$;

-- Makes this transaction the only one that changes who belongs to the workspace, and gives the caller's role as it is under
-- that lock: the context's was read before it. An update, so that a transaction with an older snapshot fails instead of deciding
-- by what was; and a row's lock, which only this role can take.
create function nora.lock_members(p_least text) returns text language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  mine text;
begin
  if nora.actor_kind() is distinct from 'user' then perform nora.raise_problem(403, 'forbidden'); end if;
  update nora.workspaces set updated_at = now() where id = nora.workspace();
  select m.role into mine from nora.memberships m join nora.users u on u.id = m.user_id and u.disabled_at is null
    where m.workspace_id = nora.workspace() and m.user_id = nora.actor();
  if not found then perform nora.raise_problem(404, 'not-found'); end if;
  if nora.rank(mine) < nora.rank(p_least) then perform nora.raise_problem(403, 'forbidden'); end if;
  return mine;
end $$;

create function nora.require_open_workspace() returns void language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  perform 1 from nora.workspaces where id = nora.workspace() and deleting_since is null;
  if not found then perform nora.raise_problem(409, 'workspace-deleting'); end if;
end $$;

-- Whether the workspace has an owner who can act besides this one. Under the lock.
create function nora.require_other_owner(p_user uuid) returns void language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  perform 1 from nora.memberships m join nora.users u on u.id = m.user_id and u.disabled_at is null
    where m.workspace_id = nora.workspace() and m.role = 'owner' and m.user_id is distinct from p_user;
  if not found then perform nora.raise_problem(409, 'last-owner'); end if;
end $$;

-- For the audit of a change in the context's workspace.
create function nora.audit_here(p_type text, p_target_kind text, p_target text, p_ip inet, p_correlation text, p_details jsonb)
  returns void language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select nora.write_audit(p_type, 'user', nora.actor()::text, nora.workspace(), p_target_kind, p_target, p_ip, p_correlation, p_details)
$$;

-- At most 10 workspaces are one person's, the personal one included, whichever way one becomes their owner. NR422 workspace-limit.
create function nora.require_room_to_own(p_user uuid) returns void language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  perform 1 from nora.users where id = p_user for no key update;
  if (select count(*) from nora.memberships where user_id = p_user and role = 'owner') >= 10 then
    perform nora.raise_problem(422, 'workspace-limit');
  end if;
end $$;

-- A workspace of one's own.
create function nora.create_workspace(p_name text, p_ip inet, p_correlation text) returns uuid
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  wid uuid;
begin
  if nora.actor_kind() is distinct from 'user' then perform nora.raise_problem(403, 'forbidden'); end if;
  perform nora.require_room_to_own(nora.actor());
  insert into nora.workspaces (name) values (p_name) returning id into wid;
  insert into nora.memberships (workspace_id, user_id, role) values (wid, nora.actor(), 'owner');
  perform nora.write_audit('WORKSPACE_CREATED', 'user', nora.actor()::text, wid, 'workspace', wid::text, p_ip, p_correlation,
    jsonb_build_object('name', p_name));
  return wid;
end $$;

create function nora.rename_workspace(p_name text, p_ip inet, p_correlation text) returns void
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  before text;
begin
  perform nora.lock_members('admin');
  select name into before from nora.workspaces where id = nora.workspace();
  update nora.workspaces set name = p_name where id = nora.workspace();
  perform nora.audit_here('WORKSPACE_RENAMED', 'workspace', nora.workspace()::text, p_ip, p_correlation,
    jsonb_build_object('from', before, 'to', p_name));
end $$;

-- The members of the context's workspace, the newest first; p_before_us and p_before_id are the last row of the page before.
create function nora.list_members(p_limit int, p_before_us bigint, p_before_id uuid, p_only uuid)
  returns table (user_id uuid, email text, name text, role text, created_at timestamptz, created_us bigint)
  language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select m.user_id, u.email, u.name, m.role, m.created_at, (extract(epoch from m.created_at) * 1000000)::bigint
  from nora.memberships m join nora.users u on u.id = m.user_id
  where m.workspace_id = nora.workspace() and nora.actor_kind() = 'user' and (p_only is null or m.user_id = p_only)
    and (p_before_us is null or (m.created_at, m.user_id) < (timestamptz 'epoch' + p_before_us * interval '1 microsecond', p_before_id))
  order by m.created_at desc, m.user_id desc limit p_limit
$$;

-- Changes a member's role; with p_transfer the caller hands ownership over and is an admin from then on. Nobody touches a
-- role above their own, nor grants one. Open invitations that the new role could not have made go.
create function nora.set_member_role(p_session uuid, p_secret bytea, p_user uuid, p_role text, p_transfer boolean, p_ip inet,
  p_correlation text) returns void language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  mine text := nora.lock_members('viewer');
  theirs text;
  personal uuid;
  changed record;
begin
  select m.role into theirs from nora.memberships m where m.workspace_id = nora.workspace() and m.user_id = p_user;
  if not found then perform nora.raise_problem(404, 'not-found'); end if;
  if nora.rank(mine) < nora.rank('admin') then perform nora.raise_problem(403, 'forbidden'); end if;
  if greatest(nora.rank(theirs), nora.rank(p_role)) > nora.rank(mine) then perform nora.raise_problem(403, 'role-too-high'); end if;
  if p_transfer and (p_role <> 'owner' or p_user = nora.actor()) then perform nora.raise_problem(403, 'forbidden'); end if;
  perform nora.require_step_up(p_session, p_secret);
  perform nora.require_open_workspace();
  select w.personal_of into personal from nora.workspaces w where w.id = nora.workspace();
  if (personal = p_user and p_role <> 'owner') or (p_transfer and personal = nora.actor()) then
    perform nora.raise_problem(409, 'personal-workspace');
  end if;
  if theirs = 'owner' and p_role <> 'owner' then perform nora.require_other_owner(p_user); end if;
  if theirs <> 'owner' and p_role = 'owner' then perform nora.require_room_to_own(p_user); end if;
  -- The new owner of a transfer must be one who can act, or the workspace would have none.
  if p_transfer and exists (select 1 from nora.users u where u.id = p_user and u.disabled_at is not null) then
    perform nora.raise_problem(409, 'last-owner');
  end if;
  for changed in
    update nora.memberships m set role = case when m.user_id = p_user then p_role else 'admin' end
      from nora.memberships b
      where m.workspace_id = nora.workspace() and b.workspace_id = m.workspace_id and b.user_id = m.user_id
        and (m.user_id = p_user or (p_transfer and m.user_id = nora.actor()))
      returning m.user_id, b.role as before, m.role as after
  loop
    delete from nora.invitations i where i.workspace_id = nora.workspace() and i.invited_by = changed.user_id
      and (nora.rank(changed.after) < nora.rank('admin') or nora.rank(i.role) > nora.rank(changed.after));
    continue when changed.before = changed.after;
    perform nora.audit_here('PERMISSION_CHANGED', 'user', changed.user_id::text, p_ip, p_correlation,
      jsonb_build_object('from', changed.before, 'to', changed.after) || case when p_transfer then '{"transfer": true}' else '{}' end::jsonb);
  end loop;
end $$;

-- Takes a leaving member's keys out of the workspace: from its agents, whose owners are asked nothing, and out of sight.
-- They stay sealed for a week (a log is still scrubbed of them, and their owner may come back), then they are erased.
create function nora.withdraw_keys(p_user uuid, p_ip inet, p_correlation text) returns table (agent_id uuid, operation_id uuid)
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  a record;
  taken uuid[];
  waiting boolean;
  at_seq bigint;
begin
  for a in select distinct ac.agent_id as id from nora.agent_credentials ac
      join nora.credentials c on c.workspace_id = ac.workspace_id and c.id = ac.credential_id
      where ac.workspace_id = nora.workspace() and c.owner_id = p_user order by 1
  loop
    -- Operations before the agent, as everywhere.
    perform 1 from nora.operations o where o.agent_id = a.id and o.status in ('pending', 'leased') order by o.seq for no key update;
    waiting := found;
    select x.id, x.desired_state, x.deleted_at into a from nora.agents x where x.id = a.id for no key update;
    with gone as (
      delete from nora.agent_credentials ac using nora.credentials c
        where ac.workspace_id = nora.workspace() and ac.agent_id = a.id and c.id = ac.credential_id and c.owner_id = p_user
        returning ac.credential_id)
    select array_agg(g.credential_id order by g.credential_id) into taken from gone g;
    continue when taken is null or a.deleted_at is not null;
    agent_id := a.id;
    operation_id := null;
    if a.desired_state = 'running' or (a.desired_state = 'stopped' and waiting) then
      insert into nora.operations (workspace_id, agent_id, kind, reason, input, requested_by, correlation_id)
        values (nora.workspace(), a.id, 'sync-keys', 'waiting for a worker to take a key back',
          jsonb_build_object('detached', taken, 'takesKeyBack', true), nora.actor(), p_correlation)
        returning id into operation_id;
    end if;
    update nora.agents x set event_seq = x.event_seq + 1 where x.id = a.id returning x.event_seq into at_seq;
    insert into nora.events (workspace_id, agent_id, seq, type, data) values (nora.workspace(), a.id, at_seq, 'keys.detached',
      jsonb_build_object('providerKeyIds', taken, 'operationId', operation_id));
    perform nora.audit_here('AGENT_KEYS_CHANGED', 'agent', a.id::text, p_ip, p_correlation, jsonb_build_object('detached', taken));
    return next;
  end loop;
  -- Agents before keys, the order in which a worker records a delivery.
  update nora.credentials c set shared_with_workspace = false, updated_at = now()
    where c.workspace_id = nora.workspace() and c.owner_id = p_user;
end $$;

-- Removes a member, or lets the caller leave, with what they had here: keys and open invitations. Their agents stay.
create function nora.remove_member(p_session uuid, p_secret bytea, p_user uuid, p_ip inet, p_correlation text)
  returns table (agent_id uuid, operation_id uuid) language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  mine text;
  theirs text;
  leaves boolean := p_user is not distinct from nora.actor();
begin
  -- Whoever changes which keys agents hold takes this turn first (lockWorkspace in shared/db/src/agents.ts).
  perform pg_advisory_xact_lock(hashtextextended('nora.workspace:' || nora.workspace()::text, 0));
  mine := nora.lock_members('viewer');
  select m.role into theirs from nora.memberships m where m.workspace_id = nora.workspace() and m.user_id = p_user;
  if not found then perform nora.raise_problem(404, 'not-found'); end if;
  if not leaves then
    if nora.rank(mine) < nora.rank('admin') then perform nora.raise_problem(403, 'forbidden'); end if;
    if nora.rank(theirs) > nora.rank(mine) then perform nora.raise_problem(403, 'role-too-high'); end if;
    perform nora.require_step_up(p_session, p_secret);
  end if;
  perform 1 from nora.workspaces w where w.id = nora.workspace() and w.personal_of = p_user;
  if found then perform nora.raise_problem(409, 'personal-workspace'); end if;
  if theirs = 'owner' then perform nora.require_other_owner(p_user); end if;
  delete from nora.invitations i where i.workspace_id = nora.workspace()
    and (i.invited_by = p_user or lower(i.email) = (select lower(u.email) from nora.users u where u.id = p_user));
  return query select * from nora.withdraw_keys(p_user, p_ip, p_correlation);
  delete from nora.memberships m where m.workspace_id = nora.workspace() and m.user_id = p_user;
  perform nora.audit_here('MEMBER_REMOVED', 'user', p_user::text, p_ip, p_correlation,
    jsonb_build_object('role', theirs, 'left', leaves));
end $$;

-- Invites an address for seven days; an open invitation of the same address is replaced. At most 50 are open in a workspace.
create function nora.create_invitation(p_session uuid, p_secret bytea, p_id uuid, p_email text, p_role text, p_token_hash bytea,
  p_ip inet, p_correlation text) returns void language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  mine text := nora.lock_members('admin');
  before text;
begin
  if nora.rank(p_role) > nora.rank(mine) then perform nora.raise_problem(403, 'role-too-high'); end if;
  perform nora.require_step_up(p_session, p_secret);
  perform nora.require_open_workspace();
  perform 1 from nora.memberships m join nora.users u on u.id = m.user_id
    where m.workspace_id = nora.workspace() and lower(u.email) = lower(p_email);
  if found then perform nora.raise_problem(409, 'already-member'); end if;
  delete from nora.invitations i where i.workspace_id = nora.workspace() and i.expires_at <= now();
  select i.role into before from nora.invitations i where i.workspace_id = nora.workspace() and lower(i.email) = lower(p_email);
  if nora.rank(before) > nora.rank(mine) and before is not null then perform nora.raise_problem(403, 'role-too-high'); end if;
  delete from nora.invitations i where i.workspace_id = nora.workspace() and lower(i.email) = lower(p_email);
  if (select count(*) from nora.invitations i where i.workspace_id = nora.workspace()) >= 50 then
    perform nora.raise_problem(422, 'invitation-limit');
  end if;
  insert into nora.invitations (id, workspace_id, email, role, token_hash, invited_by, expires_at)
    values (p_id, nora.workspace(), p_email, p_role, p_token_hash, nora.actor(), now() + interval '7 days');
  perform nora.audit_here('INVITATION_CREATED', 'invitation', p_id::text, p_ip, p_correlation,
    jsonb_build_object('email', p_email, 'role', p_role, 'replaces', before is not null));
end $$;

create function nora.delete_invitation(p_id uuid, p_ip inet, p_correlation text) returns void
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  mine text := nora.lock_members('admin');
  found_role text;
begin
  select i.role into found_role from nora.invitations i where i.workspace_id = nora.workspace() and i.id = p_id and i.expires_at > now();
  if not found then perform nora.raise_problem(404, 'not-found'); end if;
  if nora.rank(found_role) > nora.rank(mine) then perform nora.raise_problem(403, 'role-too-high'); end if;
  delete from nora.invitations i where i.id = p_id;
  perform nora.audit_here('INVITATION_REVOKED', 'invitation', p_id::text, p_ip, p_correlation, jsonb_build_object('role', found_role));
end $$;

-- Joins the caller to the workspace that invited their address. NR404 for every token that does not: unknown, used, expired,
-- another's, or made by somebody who may not grant that role any more. A member's role is left as it is.
create function nora.accept_invitation(p_token_hash bytea, p_ip inet, p_correlation text) returns uuid
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  wid uuid;
  i record;
  joined text;
begin
  if nora.actor_kind() is distinct from 'user' then perform nora.raise_problem(403, 'forbidden'); end if;
  select x.workspace_id into wid from nora.invitations x where x.token_hash = p_token_hash;
  -- The lock of everybody who changes members; what is read below is true until the transaction ends.
  update nora.workspaces w set updated_at = now() where w.id = wid and w.deleting_since is null;
  if not found then perform nora.raise_problem(404, 'not-found'); end if;
  select x.id, x.role, x.invited_by into i from nora.invitations x
    join nora.users u on u.id = nora.actor() and u.disabled_at is null and lower(u.email) = lower(x.email)
    join nora.memberships b on b.workspace_id = x.workspace_id and b.user_id = x.invited_by
    join nora.users h on h.id = x.invited_by and h.disabled_at is null
    where x.token_hash = p_token_hash and x.workspace_id = wid and x.expires_at > now()
      and nora.rank(b.role) >= greatest(nora.rank('admin'), nora.rank(x.role));
  if not found then perform nora.raise_problem(404, 'not-found'); end if;
  perform 1 from nora.memberships m where m.workspace_id = wid and m.user_id = nora.actor();
  if not found and i.role = 'owner' then perform nora.require_room_to_own(nora.actor()); end if;
  delete from nora.invitations x where x.id = i.id;
  insert into nora.memberships (workspace_id, user_id, role) values (wid, nora.actor(), i.role) on conflict do nothing
    returning role into joined;
  perform nora.write_audit('INVITATION_ACCEPTED', 'user', nora.actor()::text, wid, 'invitation', i.id::text, p_ip, p_correlation,
    jsonb_build_object('role', i.role, 'invitedBy', i.invited_by, 'joined', joined is not null));
  if joined is not null then
    perform nora.write_audit('MEMBER_ADDED', 'user', nora.actor()::text, wid, 'user', nora.actor()::text, p_ip, p_correlation,
      jsonb_build_object('role', joined));
  end if;
  return wid;
end $$;

-- One round of the end of a workspace that is being deleted: some of the agents that are gone, and once none is left the
-- workspace itself with all its rows but the audit's. True when it went.
create function nora.clear_workspace(p_workspace uuid, p_agents int) returns boolean language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  w record;
begin
  select x.id, x.name into w from nora.workspaces x where x.id = p_workspace and x.deleting_since is not null
    for no key update skip locked;
  if not found then return false; end if;
  -- One that was being made when the end was asked for.
  update nora.agents a set desired_state = 'deleted', state = 'deleting', state_changed_at = now(), keep_data = false,
      state_reason = 'its workspace is being deleted: waiting for a worker'
    where a.workspace_id = w.id and a.deleted_at is null and a.desired_state <> 'deleted';
  -- A moment later, when whoever worked on it or followed its log has seen that it is gone.
  with gone as (
    delete from nora.agents where id in (
      select a.id from nora.agents a where a.workspace_id = w.id and a.deleted_at < now() - interval '10 seconds'
        order by a.deleted_at limit p_agents for update skip locked)
    returning id, keep_data)
  insert into nora.gone_agents (id) select g.id from gone g where not g.keep_data;
  perform 1 from nora.agents a where a.workspace_id = w.id;
  if found then return false; end if;
  -- Never waits for whoever is writing something into it: they may be waiting for us.
  perform 1 from nora.workspaces x where x.id = w.id for update skip locked;
  if not found then return false; end if;
  delete from nora.credentials c where c.workspace_id = w.id;
  delete from nora.workspaces x where x.id = w.id;
  perform nora.write_audit('WORKSPACE_DELETED', 'system', 'system', w.id, 'workspace', w.id::text, null, null,
    jsonb_build_object('name', w.name));
  return true;
end $$;

-- How many keys the workspace has, those of others that the caller does not see included: what its end would take.
create function nora.count_keys() returns int language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select count(*)::int from nora.credentials where workspace_id = nora.workspace() and nora.role() = 'owner'
$$;

-- Begins the end of the workspace; its agents are asked to go by the caller, in the same transaction. True when there were
-- none, and it has gone already.
create function nora.begin_workspace_end(p_ip inet, p_correlation text) returns boolean
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  w record;
begin
  perform nora.lock_members('owner');
  select x.id, x.name, x.personal_of, x.deleting_since into w from nora.workspaces x where x.id = nora.workspace();
  if w.personal_of is not null then perform nora.raise_problem(409, 'personal-workspace'); end if;
  if w.deleting_since is null then
    update nora.workspaces set deleting_since = now() where id = w.id;
    delete from nora.invitations where workspace_id = w.id;
    perform nora.audit_here('WORKSPACE_DELETE_REQUESTED', 'workspace', w.id::text, p_ip, p_correlation, jsonb_build_object('name', w.name));
  end if;
  perform 1 from nora.agents a where a.workspace_id = w.id and a.deleted_at is null;
  if found then return false; end if;
  return nora.clear_workspace(w.id, 20);
end $$;

-- For workers: goes on with some workspaces that are being deleted, a few agents at a time, for some seconds. In no order, so
-- that those whose agents do not go keep nobody. Gives how many went.
create function nora.sweep_workspaces() returns int language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  w uuid;
  n int := 0;
begin
  for w in select id from nora.workspaces where deleting_since is not null order by random() limit 20 loop
    exit when clock_timestamp() > statement_timestamp() + interval '5 seconds';
    begin
      if nora.clear_workspace(w, 5) then n := n + 1; end if;
    exception when foreign_key_violation then
      -- Something was written into it meanwhile; the next round takes it too. The others must not wait for that.
      raise warning 'workspace % still has rows', w;
    end;
  end loop;
  return n;
end $$;

-- For workers: erases keys whose owner left the workspace a week ago, and forgets agents that are long gone. Gives how many keys.
create function nora.erase_left_keys() returns bigint language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare n bigint;
begin
  delete from nora.credentials c where c.updated_at < now() - interval '7 days'
    and not exists (select 1 from nora.memberships m where m.workspace_id = c.workspace_id and m.user_id = c.owner_id);
  get diagnostics n = row_count;
  delete from nora.gone_agents where gone_at < now() - interval '90 days';
  return n;
end $$;

do $$
declare f text;
begin
  foreach f in array array['my_workspaces()', 'step_up(uuid,bytea,bytea,inet,text)', 'create_workspace(text,inet,text)',
    'rename_workspace(text,inet,text)', 'list_members(int,bigint,uuid,uuid)',
    'set_member_role(uuid,bytea,uuid,text,boolean,inet,text)', 'remove_member(uuid,bytea,uuid,inet,text)',
    'create_invitation(uuid,bytea,uuid,text,text,bytea,inet,text)', 'delete_invitation(uuid,inet,text)',
    'accept_invitation(bytea,inet,text)', 'count_keys()', 'begin_workspace_end(inet,text)', 'require_open_workspace()'] loop
    execute format('alter function nora.%s owner to nora_definer', f);
    execute format('revoke all on function nora.%s from public', f);
    execute format('grant execute on function nora.%s to nora_app', f);
  end loop;
  -- The parts they are made of are called by nobody else.
  foreach f in array array['rank(text)', 'raise_problem(int,text)', 'require_step_up(uuid,bytea)', 'lock_members(text)',
    'require_other_owner(uuid)', 'require_room_to_own(uuid)', 'audit_here(text,text,text,inet,text,jsonb)', 'withdraw_keys(uuid,inet,text)',
    'clear_workspace(uuid,int)', 'sweep_workspaces()', 'erase_left_keys()'] loop
    execute format('alter function nora.%s owner to nora_definer', f);
    execute format('revoke all on function nora.%s from public', f);
  end loop;
  grant execute on function nora.sweep_workspaces(), nora.erase_left_keys() to nora_worker;
end $$;
