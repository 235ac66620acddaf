-- What changed lately, for pages that are open: marks without content, written by triggers in the transaction of the change itself
-- and removed a quarter of an hour later. Each carries its transaction's id: what has become visible since a snapshot is asked by
-- the snapshot, not by an order of numbers, so a transaction that began earlier and commits later is not passed over.

set role nora_owner;
create table nora.changes (
  xid xid8 not null default pg_current_xact_id(),
  at timestamptz not null default clock_timestamp(),
  workspace_id uuid,
  -- Of the thing that changed: what the audit calls its target, or `agent`, `worker`, `encryption-key`.
  kind text not null,
  subject text,
  -- The person who did it.
  actor text,
  -- Whether an audit row goes with it.
  audited boolean not null
);
create index changes_xid on nora.changes (xid);

-- A live page's admission: a one-use ticket, then the open socket. In a workspace for a console's session, without one for an admin's.
create table nora.live_streams (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references nora.users (id) on delete cascade,
  workspace_id uuid references nora.workspaces (id) on delete cascade,
  session_id uuid references nora.sessions (id) on delete cascade,
  admin_session_id uuid references nora.admin_sessions (id) on delete cascade,
  ticket_hash bytea not null unique check (length(ticket_hash) = 32),
  ticket_expires_at timestamptz not null,
  redeemed_at timestamptz,
  created_at timestamptz not null default now(),
  check ((workspace_id is null) = (session_id is null) and (session_id is null) <> (admin_session_id is null))
);
create index live_streams_workspace on nora.live_streams (workspace_id);
create index live_streams_user on nora.live_streams (user_id);
create index live_streams_session on nora.live_streams (session_id);
create index live_streams_admin_session on nora.live_streams (admin_session_id);
reset role;

do $$
declare t text;
begin
  foreach t in array array['changes', 'live_streams'] loop
    execute format('alter table nora.%I enable row level security', t);
    execute format('alter table nora.%I force row level security', t);
    execute format('create policy definer on nora.%I to nora_definer using (true) with check (true)', t);
    execute format('grant select, insert, update, delete on nora.%I to nora_definer', t);
  end loop;
end $$;

-- An admin's read is no change: a page that shows the audit would call itself up.
create function nora.mark_audited() returns trigger language plpgsql security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  -- Of a workspace that has gone nothing stays but its audit.
  if new.event_type = 'WORKSPACE_DELETED' then delete from nora.changes c where c.workspace_id = new.workspace_id; end if;
  insert into nora.changes (workspace_id, kind, subject, actor, audited)
    values (case when new.event_type <> 'WORKSPACE_DELETED' then new.workspace_id end,
      case when new.event_type in ('AGENT_KEYS_CHANGED', 'KEY_SYNCED', 'KEY_SYNC_FAILED') then 'agent-keys'
        else coalesce(new.target_kind, 'other') end,
      new.target_id, case when new.actor_kind = 'user' then new.actor_id end, true);
  return null;
end $$;

create function nora.mark_agent() returns trigger language plpgsql security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  insert into nora.changes (workspace_id, kind, subject, audited) values (new.workspace_id, 'agent', new.id::text, false);
  return null;
end $$;

-- Of what is no tenant's: the name of the kind is the trigger's argument.
create function nora.mark_server() returns trigger language plpgsql security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  insert into nora.changes (kind, audited) values (tg_argv[0], false);
  return null;
end $$;

do $$
declare f text;
begin
  foreach f in array array['mark_audited()', 'mark_agent()', 'mark_server()'] loop
    execute format('alter function nora.%s owner to nora_definer', f);
    execute format('revoke all on function nora.%s from public', f);
    execute format('grant execute on function nora.%s to nora_owner', f);
  end loop;
end $$;

set role nora_owner;
create trigger mark_audited after insert on nora.audit_log for each row
  when (new.event_type <> 'ADMIN_READ') execute function nora.mark_audited();
create trigger mark_agent after insert or update on nora.agents for each row execute function nora.mark_agent();
create trigger mark_rotation after insert or update on nora.key_rotations for each statement
  execute function nora.mark_server('encryption-key');
reset role;

-- The live ones among these streams, the snapshot of now, and for each what has become visible since the one that it names (null:
-- nothing is asked): the names of lists to look at again, by what the person may see. One question serves all pages that a process
-- has open.
create function nora.watch_streams(p_streams uuid[], p_since text[])
  returns table (stream_id uuid, seen text, topics text[]) language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$
  with live as materialized (
    select a.id, a.since, l.workspace_id, l.user_id::text as who, m.role in ('admin', 'owner') as manages,
      w.personal_of is not distinct from l.user_id as at_home
    from unnest(p_streams, p_since) as a (id, since) join nora.live_streams l on l.id = a.id
      join nora.sessions s on s.id = l.session_id and s.user_id = l.user_id join nora.users u on u.id = l.user_id
      join nora.memberships m on m.workspace_id = l.workspace_id and m.user_id = l.user_id
      join nora.workspaces w on w.id = l.workspace_id
    where l.redeemed_at > now() - interval '8 hours' and s.revoked_at is null and s.expires_at > now() and s.idle_expires_at > now()
      and u.disabled_at is null
  ), fresh as materialized (
    select distinct v.since, c.workspace_id, c.kind, c.subject, c.actor, c.audited,
      -- Whose alone the change is: an exchange's credentials are their owner's, and so is the word that one of them changed.
      case c.kind
        when 'exchange-credential' then coalesce(c.actor,
          (select k.owner_id::text from nora.credentials k where k.id = (case c.kind when 'exchange-credential' then c.subject end)::uuid))
        when 'agent-keys' then
          (select g.owner_id::text from nora.agents g where g.id = (case c.kind when 'agent-keys' then c.subject end)::uuid)
      end as owner
    from (select distinct l.since from live l where l.since is not null) v join nora.changes c
      on c.xid >= pg_snapshot_xmin(v.since::pg_snapshot) and c.xid < pg_snapshot_xmax(pg_current_snapshot())
      and not pg_visible_in_snapshot(c.xid, v.since::pg_snapshot)
    where c.workspace_id in (select l.workspace_id from live l) or c.actor in (select l.who from live l)
      or c.subject in (select l.who from live l)
  ), placed as (
    select l.id, f.kind, f.subject, f.owner = l.who as own, f.audited, l.manages, l.at_home,
      f.workspace_id is not distinct from l.workspace_id as here,
      coalesce(f.actor = l.who, false) and f.kind in ('user', 'session', 'identity', 'passkey', 'workspace', 'invitation')
        or f.kind = 'user' and coalesce(f.subject = l.who, false) as mine
    from live l join fresh f on f.since = l.since
    where f.workspace_id = l.workspace_id or f.actor = l.who or f.subject = l.who
  )
  select l.id, pg_current_snapshot()::text, coalesce((
    select array_agg(distinct t.topic order by t.topic) from placed p cross join lateral (values
      (case when p.here and p.kind in ('agent', 'agent-keys', 'operation') then 'agents' end),
      (case when p.here and p.kind in ('agent', 'agent-keys') then 'agent:' || p.subject end),
      (case when p.here and p.kind in ('provider-key', 'agent-keys') then 'provider-keys' end),
      (case when p.here and p.kind in ('integration', 'agent-keys') then 'integrations' end),
      (case when p.here and p.own then 'exchange-credentials' end),
      (case when p.here and p.kind = 'user' then 'members' end),
      (case when p.here and p.kind = 'workspace' then 'workspace' end),
      (case when p.here and p.kind = 'invitation' and p.manages then 'invitations' end),
      (case when p.here and p.kind = 'api-key' and p.manages then 'api-keys' end),
      (case when p.audited and (p.here and p.manages or p.at_home and p.mine) then 'audit' end),
      (case when p.mine or p.here and p.kind = 'workspace' then 'me' end)
    ) as t (topic) where p.id = l.id and t.topic is not null), '{}')
  from live l
$$;

-- The same for admins, about the whole server. `workers` changes when one comes, goes or falls silent.
create function nora.watch_admin_streams(p_streams uuid[], p_since text[])
  returns table (stream_id uuid, seen text, topics text[], workers text) language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$
  with live as materialized (
    select a.id, a.since from unnest(p_streams, p_since) as a (id, since) join nora.live_streams l on l.id = a.id
      join nora.admin_sessions s on s.id = l.admin_session_id and s.user_id = l.user_id join nora.users u on u.id = l.user_id
    where l.redeemed_at > now() - interval '8 hours' and s.revoked_at is null and s.expires_at > now() and s.idle_expires_at > now()
      and u.disabled_at is null and u.platform_role = 'admin'
      and (s.second_factor_at is not null or not nora.second_factor_due(u.id))
  ), fresh as materialized (
    select distinct v.since, c.kind, c.audited
    from (select distinct l.since from live l where l.since is not null) v join nora.changes c
      on c.xid >= pg_snapshot_xmin(v.since::pg_snapshot) and c.xid < pg_snapshot_xmax(pg_current_snapshot())
      and not pg_visible_in_snapshot(c.xid, v.since::pg_snapshot)
  )
  select l.id, pg_current_snapshot()::text, coalesce((
      select array_agg(distinct t.topic order by t.topic) from fresh f cross join lateral unnest(array_remove(array[
        case when f.kind in ('user', 'session', 'identity', 'passkey', 'workspace') then 'users' end,
        case when f.kind in ('agent', 'agent-keys', 'operation') then 'agents' end,
        case when f.kind in ('agent', 'agent-keys', 'operation', 'provider-key', 'integration', 'exchange-credential') then 'queue' end,
        case when f.kind = 'service' then 'settings' end,
        case when f.kind = 'encryption-key' then 'keys' end,
        case when f.audited then 'audit' end], null)) as t (topic)
      where f.since = l.since
    ), '{}'), (
      select md5(coalesce(string_agg(w.id || w.started_at, ',' order by w.id), '')) from nora.workers w
      where w.last_seen_at > now() - interval '15 seconds')
  from live l
$$;

-- A ticket for the person and workspace of this transaction, good for 30 seconds and for their own session alone.
create function nora.issue_live_ticket(p_session uuid, p_ticket_hash bytea) returns uuid language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare sid uuid;
begin
  insert into nora.live_streams (user_id, workspace_id, session_id, ticket_hash, ticket_expires_at)
    select s.user_id, nora.workspace(), s.id, p_ticket_hash, now() + interval '30 seconds' from nora.sessions s
    where s.id = p_session and s.user_id = nora.actor() and nora.actor_kind() = 'user' returning id into sid;
  if sid is null then perform nora.raise_problem(403, 'forbidden'); end if;
  return sid;
end $$;

-- Once, for the live session it was made for, in that workspace. NR401 ticket-invalid.
create function nora.redeem_live_ticket(p_ticket_hash bytea, p_session uuid, p_secret bytea, p_workspace uuid)
  returns table (stream_id uuid, user_id uuid) language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  return query update nora.live_streams x set redeemed_at = now() from nora.sessions s
    where x.ticket_hash = p_ticket_hash and x.redeemed_at is null and x.ticket_expires_at > now() and x.session_id = p_session
      and x.workspace_id = p_workspace and s.id = x.session_id and s.secret_hash = sha256(p_secret) and s.revoked_at is null
      and s.expires_at > now() and s.idle_expires_at > now()
    returning x.id, x.user_id;
  if not found then perform nora.raise_problem(401, 'ticket-invalid'); end if;
end $$;

-- The same for an admin's session. NR401 as nora.require_admin, and ticket-invalid.
create function nora.issue_admin_ticket(p_session uuid, p_secret bytea, p_ticket_hash bytea, p_ip inet, p_correlation text)
  returns uuid language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  who uuid := nora.require_admin(p_session, p_secret, false);
  sid uuid;
begin
  insert into nora.live_streams (user_id, admin_session_id, ticket_hash, ticket_expires_at)
    values (who, p_session, p_ticket_hash, now() + interval '30 seconds') returning id into sid;
  perform nora.write_audit('STREAM_TICKET_ISSUED', 'user', who::text, null, 'stream', sid::text, p_ip, p_correlation,
    '{"as": "admin", "kind": "admin"}');
  return sid;
end $$;

create function nora.redeem_admin_ticket(p_ticket_hash bytea, p_session uuid, p_secret bytea)
  returns table (stream_id uuid, user_id uuid) language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform nora.require_admin(p_session, p_secret, false);
  return query update nora.live_streams x set redeemed_at = now()
    where x.ticket_hash = p_ticket_hash and x.redeemed_at is null and x.ticket_expires_at > now() and x.admin_session_id = p_session
    returning x.id, x.user_id;
  if not found then perform nora.raise_problem(401, 'ticket-invalid'); end if;
end $$;

-- Older marks than any page asks for, and the streams that are over.
create function nora.trim_changes() returns bigint language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare n bigint;
begin
  delete from nora.changes where at < clock_timestamp() - interval '15 minutes';
  get diagnostics n = row_count;
  delete from nora.live_streams where created_at < now() - interval '9 hours'
    or redeemed_at is null and ticket_expires_at < now() - interval '5 minutes';
  return n;
end $$;

do $$
declare f text;
begin
  foreach f in array array['watch_streams(uuid[],text[])',
    'watch_admin_streams(uuid[],text[])', 'issue_live_ticket(uuid,bytea)', 'redeem_live_ticket(bytea,uuid,bytea,uuid)',
    'issue_admin_ticket(uuid,bytea,bytea,inet,text)', 'redeem_admin_ticket(bytea,uuid,bytea)', 'trim_changes()'] loop
    execute format('alter function nora.%s owner to nora_definer', f);
    execute format('revoke all on function nora.%s from public', f);
  end loop;
  foreach f in array array['watch_streams(uuid[],text[])', 'watch_admin_streams(uuid[],text[])', 'issue_live_ticket(uuid,bytea)',
    'redeem_live_ticket(bytea,uuid,bytea,uuid)', 'issue_admin_ticket(uuid,bytea,bytea,inet,text)',
    'redeem_admin_ticket(bytea,uuid,bytea)'] loop
    execute format('grant execute on function nora.%s to nora_app', f);
  end loop;
  grant execute on function nora.trim_changes() to nora_worker;
end $$;
