-- Programs act with a workspace's API key: as its creator, in its workspace, within its scopes and the creator's role as it is
-- at that moment. What proves a key is an HMAC of it under a pepper that only the api has; here is its SHA-256, so neither a copy
-- of these tables nor a key's hash in a statement enters anything. SQLSTATEs as in 0005; the message is the problem's code.

set role nora_owner;

create table nora.api_keys (
  id uuid primary key,
  workspace_id uuid not null references nora.workspaces (id) on delete cascade,
  created_by uuid not null,
  -- The part of the key that is shown: nora_hub_<public_id>.
  public_id text not null unique check (public_id ~ '^[0-9A-Za-z]{10}$'),
  name text not null check (length(name) between 1 and 100),
  scopes text[] not null check (cardinality(scopes) between 1 and 8 and scopes <@ array['agents:read', 'agents:write', 'agents:invoke',
    'keys:sync', 'logs:read', 'metrics:read', 'catalog:read', 'catalog:submit']),
  allowed_cidrs cidr[] not null default '{}' check (cardinality(allowed_cidrs) <= 20),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  last_used_at timestamptz,
  check (expires_at > created_at and expires_at <= created_at + interval '365 days 5 minutes'),
  -- It dies with its creator's membership.
  foreign key (workspace_id, created_by) references nora.memberships (workspace_id, user_id) on delete cascade
);
create index api_keys_list on nora.api_keys (workspace_id, created_at desc, id desc);
create index api_keys_creator on nora.api_keys (workspace_id, created_by);

-- A key has more than one while a rotation's grace runs.
create table nora.api_key_secrets (
  hash bytea primary key check (length(hash) = 32),
  key_id uuid not null references nora.api_keys (id) on delete cascade,
  created_at timestamptz not null default clock_timestamp(),
  ends_at timestamptz not null
);
create index api_key_secrets_key on nora.api_key_secrets (key_id);

alter table nora.audit_log drop constraint audit_log_actor_kind_check,
  add constraint audit_log_actor_kind_check check (actor_kind in ('user', 'operation', 'system', 'anonymous', 'api_key'));
-- The key that asked for it, which may be gone since.
alter table nora.operations add column api_key_id uuid;
reset role;

alter table nora.api_keys enable row level security;
alter table nora.api_keys force row level security;
alter table nora.api_key_secrets enable row level security;
alter table nora.api_key_secrets force row level security;
create policy definer on nora.api_keys to nora_definer using (true) with check (true);
create policy definer on nora.api_key_secrets to nora_definer using (true) with check (true);
grant select, insert, update, delete on nora.api_keys, nora.api_key_secrets to nora_definer;

-- The key in the context, if it is a program's. An operation's is set by this default alone: nobody may name another.
create function nora.api_key() returns uuid language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$
  select case when nora.context_field(1) = 'api_key' then nora.context_field(6)::uuid end
$$;
-- Whether the key in the context has a scope that its creator's role still covers. `editor` stands in the context when the
-- creator is at least that and the key has a scope that needs it; a key is never more.
create function nora.key_may(p_scope text) returns boolean language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$
  select exists (select 1 from nora.api_keys k where k.id = nora.api_key() and p_scope = any (k.scopes))
    and (p_scope in ('agents:read', 'logs:read', 'metrics:read', 'catalog:read') or nora.context_field(4) = 'editor')
$$;
do $$
declare f text;
begin
  foreach f in array array['api_key()', 'key_may(text)'] loop
    execute format('alter function nora.%s owner to nora_definer', f);
    execute format('revoke all on function nora.%s from public', f);
    execute format('grant execute on function nora.%s to nora_app, nora_worker', f);
  end loop;
end $$;
set role nora_owner;
alter table nora.operations alter column api_key_id set default nora.api_key();
reset role;

-- Admins see the workspace's keys, a program its own. What is secret about them is in the other table, which no role may read.
grant select on nora.api_keys to nora_app;
create policy app_select on nora.api_keys for select to nora_app
  using (workspace_id = (select nora.workspace()) and (id = (select nora.api_key())
    or ((select nora.actor_kind()) = 'user' and (select nora.role()) in ('admin', 'owner'))));

-- What a program may write beside a person: as migrations/0004-policies.sql and 0013-people.sql let an editor, less what its
-- scopes leave out. Nothing of credentials, people, keys or workspaces: those ask for a person.
create policy key_insert on nora.agents for insert to nora_app
  with check (workspace_id = (select nora.workspace()) and owner_id = (select nora.actor()) and (select nora.key_may('agents:write'))
    and exists (select 1 from nora.workspaces w where w.id = agents.workspace_id and w.deleting_since is null));
create policy key_update on nora.agents for update to nora_app
  using (workspace_id = (select nora.workspace()) and ((select nora.key_may('agents:write')) or (select nora.key_may('keys:sync'))))
  with check (workspace_id = (select nora.workspace()) and ((select nora.key_may('agents:write')) or (select nora.key_may('keys:sync'))));
create policy key_insert on nora.agent_credentials for insert to nora_app
  with check (workspace_id = (select nora.workspace()) and ((select nora.key_may('agents:write')) or (select nora.key_may('keys:sync')))
    and exists (select 1 from nora.credentials c where c.workspace_id = agent_credentials.workspace_id and c.id = agent_credentials.credential_id));
create policy key_delete on nora.agent_credentials for delete to nora_app
  using (workspace_id = (select nora.workspace()) and ((select nora.key_may('agents:write')) or (select nora.key_may('keys:sync'))));
create policy key_insert on nora.operations for insert to nora_app
  with check (workspace_id = (select nora.workspace()) and requested_by = (select nora.actor()) and status = 'pending' and attempt = 0
    and credential_id is null and ((kind in ('provision', 'start', 'stop', 'restart', 'delete') and (select nora.key_may('agents:write')))
      or (kind = 'sync-keys' and (select nora.key_may('keys:sync')))));
-- Whoever asks for a sync must see, that is lock, what is open; only who may stop an agent cancels.
create policy key_update on nora.operations for update to nora_app
  using (workspace_id = (select nora.workspace()) and status in ('pending', 'leased')
    and ((select nora.key_may('agents:write')) or (select nora.key_may('keys:sync'))))
  with check (workspace_id = (select nora.workspace()) and (select nora.key_may('agents:write'))
    and (status = 'cancelled' or (status = 'pending' and worker_id is null) or (status = 'leased' and worker_id is not null)));
create policy key_insert on nora.events for insert to nora_app
  with check (workspace_id = (select nora.workspace()) and ((select nora.key_may('agents:write')) or (select nora.key_may('keys:sync'))));
create policy key_insert on nora.audit_log for insert to nora_app
  with check (workspace_id = (select nora.workspace()) and actor_kind = 'api_key' and actor_id = (select nora.api_key())::text
    and details ->> 'createdBy' = (select nora.actor())::text);

-- What other policies give to whoever acts is not a program's: it writes no audit row in its creator's name, reads no log
-- without the scope, and has nothing to do with its creator's account, sessions and other workspaces.
create policy key_narrows on nora.audit_log as restrictive for insert to nora_app
  with check ((actor_kind = 'api_key') = ((select nora.actor_kind()) = 'api_key'));
create policy key_narrows on nora.log_chunks as restrictive for select to nora_app
  using ((select nora.actor_kind()) <> 'api_key' or (select nora.key_may('logs:read')));
create policy key_narrows on nora.users as restrictive to nora_app using ((select nora.actor_kind()) <> 'api_key');
create policy key_narrows on nora.sessions as restrictive to nora_app using ((select nora.actor_kind()) <> 'api_key');
create policy key_narrows on nora.streams as restrictive to nora_app using ((select nora.actor_kind()) <> 'api_key');
create policy key_narrows on nora.memberships as restrictive for select to nora_app
  using ((select nora.actor_kind()) <> 'api_key' or workspace_id = (select nora.workspace()));
create or replace function nora.my_workspaces()
  returns table (id uuid, name text, role text, personal boolean, deleting boolean, created_at timestamptz)
  language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select w.id, w.name, m.role, w.personal_of is not distinct from nora.actor(), w.deleting_since is not null, w.created_at
  from nora.memberships m join nora.workspaces w on w.id = m.workspace_id
  where m.user_id = nora.actor() and nora.actor_kind() = 'user'
  order by w.personal_of is distinct from nora.actor(), w.created_at, w.id
$$;

-- Proves a key and enters its workspace. NR401 api-key-invalid (also when its creator has left or is disabled),
-- api-key-expired; NR403 ip-not-allowed, wrong-workspace (p_workspace null: the caller named none).
create function nora.enter_hub(p_public text, p_proof bytea, p_workspace uuid, p_ip inet)
  returns table (user_id uuid, workspace_id uuid, role text, api_key_id uuid, scopes text[]) language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  k record;
begin
  select x.id, x.workspace_id, x.created_by, x.scopes, x.allowed_cidrs, least(x.expires_at, s.ends_at) as ends_at, m.role into k
    from nora.api_keys x join nora.api_key_secrets s on s.key_id = x.id and s.hash = sha256(p_proof)
    join nora.memberships m on m.workspace_id = x.workspace_id and m.user_id = x.created_by
    join nora.users u on u.id = x.created_by and u.disabled_at is null
    where x.public_id = p_public;
  if not found then perform nora.raise_problem(401, 'api-key-invalid'); end if;
  if k.ends_at <= now() then perform nora.raise_problem(401, 'api-key-expired'); end if;
  if cardinality(k.allowed_cidrs) > 0 and (p_ip is null or not p_ip <<= any (k.allowed_cidrs)) then
    perform nora.raise_problem(403, 'ip-not-allowed');
  end if;
  if p_workspace <> k.workspace_id then perform nora.raise_problem(403, 'wrong-workspace'); end if;
  perform nora.set_context('api_key', k.created_by, k.workspace_id, case when nora.rank(k.role) >= nora.rank('editor')
    and k.scopes && array['agents:write', 'agents:invoke', 'keys:sync', 'catalog:submit'] then 'editor' else 'viewer' end, null, k.id);
  return query select k.created_by, k.workspace_id, k.role, k.id, k.scopes;
end $$;

-- That the key in the context is in use; once a minute is enough.
create function nora.touch_api_key() returns void language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  update nora.api_keys set last_used_at = now()
    where id = nora.api_key() and (last_used_at is null or last_used_at < now() - interval '1 minute')
$$;

-- Makes a key, which acts as its maker. At most 50 that have not expired in a workspace. NR422 api-key-limit.
create function nora.create_api_key(p_session uuid, p_secret bytea, p_id uuid, p_public text, p_hash bytea, p_name text, p_scopes text[],
  p_cidrs text[], p_expires timestamptz, p_ip inet, p_correlation text) returns void language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  mine text := nora.lock_members('admin');
  ends timestamptz := coalesce(p_expires, now() + interval '90 days');
begin
  perform nora.require_step_up(p_session, p_secret);
  perform nora.require_open_workspace();
  delete from nora.api_keys k where k.workspace_id = nora.workspace() and k.expires_at < now() - interval '30 days';
  if (select count(*) from nora.api_keys k where k.workspace_id = nora.workspace() and k.expires_at > now()) >= 50 then
    perform nora.raise_problem(422, 'api-key-limit');
  end if;
  insert into nora.api_keys (id, workspace_id, created_by, public_id, name, scopes, allowed_cidrs, expires_at)
    values (p_id, nora.workspace(), nora.actor(), p_public, p_name, p_scopes,
      coalesce((select array_agg(network(c::inet)) from unnest(p_cidrs) c), '{}'), ends);
  insert into nora.api_key_secrets (hash, key_id, ends_at) values (p_hash, p_id, ends);
  perform nora.audit_here('API_KEY_CHANGED', 'api-key', p_id::text, p_ip, p_correlation, jsonb_build_object('change', 'created', 'name', p_name,
    'scopes', p_scopes, 'allowedCidrs', p_cidrs, 'expiresAt', ends));
end $$;

-- Gives a key a new secret; the others end after the grace, or when they would have ended. The key's own end stays. It is its
-- creator's alone, since whoever has the answer acts as the creator. NR404; NR403 not-your-api-key; NR409 api-key-ended.
create function nora.rotate_api_key(p_session uuid, p_secret bytea, p_id uuid, p_hash bytea, p_grace interval, p_ip inet,
  p_correlation text) returns void language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  mine text := nora.lock_members('admin');
  k record;
begin
  select x.created_by, x.expires_at into k from nora.api_keys x where x.workspace_id = nora.workspace() and x.id = p_id;
  if not found then perform nora.raise_problem(404, 'not-found'); end if;
  if k.created_by <> nora.actor() then perform nora.raise_problem(403, 'not-your-api-key'); end if;
  perform nora.require_step_up(p_session, p_secret);
  if k.expires_at <= now() then perform nora.raise_problem(409, 'api-key-ended'); end if;
  delete from nora.api_key_secrets s where s.key_id = p_id and s.ends_at < now() - interval '7 days';
  -- The clock and not now(): a transaction that waited for its turn began before its predecessor's secret was there.
  update nora.api_key_secrets s set ends_at = least(s.ends_at, clock_timestamp() + least(greatest(p_grace, interval '0'), interval '7 days'))
    where s.key_id = p_id;
  insert into nora.api_key_secrets (hash, key_id, ends_at) values (p_hash, p_id, k.expires_at);
  perform nora.audit_here('API_KEY_CHANGED', 'api-key', p_id::text, p_ip, p_correlation,
    jsonb_build_object('change', 'rotated', 'graceHours', (extract(epoch from p_grace) / 3600)::float8));
end $$;

-- Ends a key at once, whoever made it. NR404 not-found.
create function nora.revoke_api_key(p_id uuid, p_ip inet, p_correlation text) returns void
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  mine text := nora.lock_members('admin');
  gone record;
begin
  delete from nora.api_keys k where k.workspace_id = nora.workspace() and k.id = p_id returning k.name, k.created_by into gone;
  if not found then perform nora.raise_problem(404, 'not-found'); end if;
  perform nora.audit_here('API_KEY_CHANGED', 'api-key', p_id::text, p_ip, p_correlation,
    jsonb_build_object('change', 'revoked', 'name', gone.name, 'createdBy', gone.created_by));
end $$;

-- Keys that go with their creator's membership, or with the workspace, go by the foreign keys' own triggers: these write the row.
create function nora.api_key_died() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform nora.write_audit('API_KEY_CHANGED', 'system', 'system', old.workspace_id, 'api-key', old.id::text, null, null,
    jsonb_build_object('change', 'ended with its creator''s membership', 'name', old.name, 'createdBy', old.created_by));
  return old;
end $$;
create trigger api_key_died before delete on nora.api_keys for each row when (pg_trigger_depth() > 0)
  execute function nora.api_key_died();

do $$
declare f text;
begin
  foreach f in array array['enter_hub(text,bytea,uuid,inet)', 'touch_api_key()',
    'create_api_key(uuid,bytea,uuid,text,bytea,text,text[],text[],timestamptz,inet,text)',
    'rotate_api_key(uuid,bytea,uuid,bytea,interval,inet,text)', 'revoke_api_key(uuid,inet,text)', 'api_key_died()'] loop
    execute format('alter function nora.%s owner to nora_definer', f);
    execute format('revoke all on function nora.%s from public', f);
  end loop;
  foreach f in array array['enter_hub(text,bytea,uuid,inet)', 'touch_api_key()',
    'create_api_key(uuid,bytea,uuid,text,bytea,text,text[],text[],timestamptz,inet,text)',
    'rotate_api_key(uuid,bytea,uuid,bytea,interval,inet,text)', 'revoke_api_key(uuid,inet,text)'] loop
    execute format('grant execute on function nora.%s to nora_app', f);
  end loop;
end $$;
