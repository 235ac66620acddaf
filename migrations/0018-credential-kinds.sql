-- Credentials of every kind in one table: what an exchange's needs besides, and who may do what with it. An exchange
-- credential is its owner's alone; whether agents are told that they may trade with it is `permission`, which nora_app can
-- neither insert nor update to more than `read_only`.

set role nora_owner;

alter table nora.credentials
  add column permission text check (permission in ('read_only', 'trading_enabled')),
  -- Shown, never used: an agent is given the address that was sealed with the secret.
  add column wallet_address text check (length(wallet_address) between 1 and 128),
  add constraint credentials_permission_of_exchange check ((kind = 'exchange') = (permission is not null)),
  add constraint credentials_wallet_of_exchange check (wallet_address is null or kind = 'exchange'),
  add constraint credentials_trading_is_sealed check (permission is distinct from 'trading_enabled' or suite = 1);

-- Bound by the seal, so a copy needs it too. What was given before there were other kinds was a model provider's key; a
-- worker of that time gives nothing else.
alter table nora.given_secrets
  -- 0: stored unsealed, where the operator allows that (as in credentials).
  drop constraint given_secrets_key_version_check,
  add constraint given_secrets_key_version_check check (key_version >= 0),
  add column kind text not null default 'llm' check (kind in ('llm', 'integration', 'exchange'));
reset role;

grant select (permission, wallet_address), insert (permission, wallet_address), update (wallet_address) on nora.credentials to nora_app;

-- Trading is enabled for the very secret that is stored: another one is read-only until its owner enables it again. Re-sealing
-- (nora.reseal_store, which runs as nora_definer) stores the same one.
create function nora.reset_permission() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if current_user <> 'nora_definer' then new.permission := 'read_only'; end if;
  return new;
end $$;
alter function nora.reset_permission() owner to nora_definer;
revoke all on function nora.reset_permission() from public;
grant execute on function nora.reset_permission() to nora_owner;
set role nora_owner;
create trigger reset_permission before update of sealed on nora.credentials for each row
  when (old.permission = 'trading_enabled' and new.sealed is distinct from old.sealed) execute function nora.reset_permission();
reset role;

-- Owner-only, and only while that person is signed in: an exchange credential is in nobody else's sight, whatever their role.
drop policy app_select on nora.credentials;
create policy app_select on nora.credentials for select to nora_app
  using (workspace_id = (select nora.workspace()) and case when kind = 'exchange'
    then owner_id = (select nora.actor()) and (select nora.actor_kind()) = 'user'
    else owner_id = (select nora.actor()) or (shared_with_workspace and exists (
      select 1 from nora.memberships m where m.workspace_id = credentials.workspace_id and m.user_id = credentials.owner_id)) end);
drop policy app_insert on nora.credentials;
create policy app_insert on nora.credentials for insert to nora_app
  with check (workspace_id = (select nora.workspace()) and owner_id = (select nora.actor()) and (select nora.may_write())
    and nora.leads_to(base_url, destination_hosts)
    and permission is not distinct from case when kind = 'exchange' then 'read_only' end
    and not (kind = 'exchange' and shared_with_workspace));
drop policy app_update on nora.credentials;
create policy app_update on nora.credentials for update to nora_app
  using (workspace_id = (select nora.workspace()) and owner_id = (select nora.actor()) and (select nora.may_write()))
  with check (workspace_id = (select nora.workspace()) and owner_id = (select nora.actor()) and (select nora.may_write())
    and nora.leads_to(base_url, destination_hosts) and not (kind = 'exchange' and shared_with_workspace));

drop policy worker_select on nora.credentials;
create policy worker_select on nora.credentials for select to nora_worker
  using (workspace_id = (select nora.workspace()) and nora.may_deliver(id, owner_id, shared_with_workspace and kind <> 'exchange'));
drop policy worker_update on nora.credentials;
create policy worker_update on nora.credentials for update to nora_worker
  using (workspace_id = (select nora.workspace()) and nora.may_deliver(id, owner_id, shared_with_workspace and kind <> 'exchange'))
  with check (workspace_id = (select nora.workspace()) and nora.may_deliver(id, owner_id, shared_with_workspace and kind <> 'exchange'));

-- Into an agent of its owner's, by its owner.
drop policy app_insert on nora.agent_credentials;
create policy app_insert on nora.agent_credentials for insert to nora_app
  with check (workspace_id = (select nora.workspace()) and (select nora.may_write())
    and exists (select 1 from nora.credentials c where c.workspace_id = agent_credentials.workspace_id and c.id = agent_credentials.credential_id
      and (c.kind <> 'exchange' or exists (select 1 from nora.agents a where a.workspace_id = agent_credentials.workspace_id
        and a.id = agent_credentials.agent_id and a.owner_id = c.owner_id))));

-- What was asked and answered about a credential is for those who may see it.
drop policy app_select on nora.operations;
create policy app_select on nora.operations for select to nora_app
  using (workspace_id = (select nora.workspace()) and (credential_id is null or exists (select 1 from nora.credentials c
    where c.workspace_id = operations.workspace_id and c.id = operations.credential_id)));
drop policy app_update on nora.operations;
create policy app_update on nora.operations for update to nora_app
  using (workspace_id = (select nora.workspace()) and (select nora.may_write()) and status in ('pending', 'leased')
    and (credential_id is null or exists (select 1 from nora.credentials c
      where c.workspace_id = operations.workspace_id and c.id = operations.credential_id)))
  with check (workspace_id = (select nora.workspace()) and (select nora.may_write())
    and (status = 'cancelled' or (status = 'pending' and worker_id is null) or (status = 'leased' and worker_id is not null)));

-- What enabling trading asks of a person besides being signed in: a step-up of this very session. Whatever else it shall ask
-- belongs in here: nora.set_permission asks nothing else. NR403 step-up-required.
create function nora.require_trading_approval(p_session uuid, p_secret bytea, p_credential uuid) returns void
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform nora.require_step_up(p_session, p_secret);
end $$;

-- Changes what agents are told they may do with the caller's own exchange credential; the only way to `trading_enabled`. The
-- caller has the locks of the agents that hold it, as everywhere. NR403 forbidden, step-up-required; NR404 not-found; NR422
-- trading-needs-sealing.
create function nora.set_permission(p_session uuid, p_secret bytea, p_credential uuid, p_permission text, p_ip inet, p_correlation text)
  returns void language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  c record;
begin
  if not nora.may_write() then perform nora.raise_problem(403, 'forbidden'); end if;
  select x.permission, x.suite into c from nora.credentials x where x.workspace_id = nora.workspace() and x.id = p_credential
    and x.kind = 'exchange' and x.owner_id = nora.actor() for no key update;
  if not found then perform nora.raise_problem(404, 'not-found'); end if;
  if c.permission = p_permission then return; end if;
  if p_permission is distinct from 'read_only' then
    if c.suite <> 1 then perform nora.raise_problem(422, 'trading-needs-sealing'); end if;
    perform nora.require_trading_approval(p_session, p_secret, p_credential);
  end if;
  update nora.credentials x set permission = p_permission, updated_at = now()
    where x.workspace_id = nora.workspace() and x.id = p_credential;
  perform nora.audit_here('PERMISSION_CHANGED', 'exchange-credential', p_credential::text, p_ip, p_correlation,
    jsonb_build_object('from', c.permission, 'to', p_permission));
end $$;

-- As before (0010), with the credential's kind, which the seal binds.
drop function nora.reseal_batch(int, bytea, bytea, int);
create function nora.reseal_batch(p_target int, p_proof bytea, p_keyring bytea, p_limit int)
  returns table (kind text, id uuid, agent_id uuid, workspace_id uuid, owner_id uuid, credential_kind text, provider text,
    destination_hosts text[], key_version int, secret_version int, sealed bytea) language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare n int;
begin
  perform nora.require_key(p_target, p_proof);
  if exists (select 1 from nora.workers w where w.last_seen_at > now() - interval '30 seconds' and w.key_version < p_target) then
    return;
  end if;
  return query select 'credential'::text, c.id, null::uuid, c.workspace_id, c.owner_id, c.kind, c.provider, c.destination_hosts,
      c.key_version, c.secret_version, c.sealed
    from nora.credentials c
    where c.key_version < p_target and c.unopened is distinct from p_keyring
    limit p_limit for no key update skip locked;
  get diagnostics n = row_count;
  return query select 'given'::text, g.credential_id, g.agent_id, g.workspace_id, g.owner_id, g.kind, g.provider, g.destination_hosts,
      g.key_version, g.secret_version, g.sealed
    from nora.given_secrets g
    where g.key_version < p_target and g.unopened is distinct from p_keyring
    limit p_limit - n for no key update skip locked;
end $$;

do $$
declare f text;
begin
  foreach f in array array['require_trading_approval(uuid,bytea,uuid)', 'set_permission(uuid,bytea,uuid,text,inet,text)',
    'reseal_batch(int,bytea,bytea,int)'] loop
    execute format('alter function nora.%s owner to nora_definer', f);
    execute format('revoke all on function nora.%s from public', f);
  end loop;
  grant execute on function nora.set_permission(uuid,bytea,uuid,text,inet,text) to nora_app;
  grant execute on function nora.reseal_batch(int,bytea,bytea,int) to nora_worker;
end $$;
