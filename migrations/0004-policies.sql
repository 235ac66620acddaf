-- Row-level security on every tenant table, enabled and forced; one policy per command and role; WITH CHECK mirrors USING.
-- An operation sees one agent (or one credential) of its own workspace; a follower and a viewer see one agent's log.

do $$
declare t text;
begin
  foreach t in array array['credentials', 'agents', 'agent_credentials', 'operations', 'events', 'log_followers',
    'log_chunks', 'streams', 'idempotency_keys'] loop
    execute format('alter table nora.%I enable row level security', t);
    execute format('alter table nora.%I force row level security', t);
    execute format('create policy definer on nora.%I to nora_definer using (true) with check (true)', t);
    execute format('grant select, insert, update, delete on nora.%I to nora_definer', t);
  end loop;
  grant select, insert, update, delete on nora.workers, nora.gateways to nora_definer;
  grant usage on all sequences in schema nora to nora_definer;
end $$;

-- credentials: the api may write what it cannot read.
grant select (id, workspace_id, owner_id, kind, provider, label, suite, key_version, secret_version, destination_hosts, base_url,
  fingerprint, shared_with_workspace, created_at, updated_at, last_used_at), delete,
  insert (id, workspace_id, owner_id, kind, provider, label, sealed, suite, key_version, secret_version, destination_hosts, base_url,
  fingerprint, shared_with_workspace),
  update (label, sealed, suite, key_version, secret_version, destination_hosts, base_url, fingerprint, shared_with_workspace, updated_at)
  on nora.credentials to nora_app;
create policy app_select on nora.credentials for select to nora_app
  using (workspace_id = (select nora.workspace()) and (owner_id = (select nora.actor()) or shared_with_workspace));
-- A key's hosts are sealed in, its base URL is not: the api must not turn it to another host.
create function nora.leads_to(p_base_url text, p_hosts text[]) returns boolean language sql immutable
  set search_path = pg_catalog, pg_temp as $$
  select p_base_url is null or coalesce(substring(p_base_url from '^https?://([^/?#@\\]+)([/?]|$)') = any (p_hosts), false)
$$;
alter function nora.leads_to(text, text[]) owner to nora_definer;
revoke all on function nora.leads_to(text, text[]) from public;
grant execute on function nora.leads_to(text, text[]) to nora_app;
create policy app_insert on nora.credentials for insert to nora_app
  with check (workspace_id = (select nora.workspace()) and owner_id = (select nora.actor()) and (select nora.may_write())
    and nora.leads_to(base_url, destination_hosts));
create policy app_update on nora.credentials for update to nora_app
  using (workspace_id = (select nora.workspace()) and owner_id = (select nora.actor()) and (select nora.may_write()))
  with check (workspace_id = (select nora.workspace()) and owner_id = (select nora.actor()) and (select nora.may_write())
    and nora.leads_to(base_url, destination_hosts));
create policy app_delete on nora.credentials for delete to nora_app
  using (workspace_id = (select nora.workspace()) and owner_id = (select nora.actor()) and (select nora.may_write()));

-- The owner rule once more at delivery: the operation is about this key, or the key is attached to the operation's agent
-- and is the agent owner's own or shared with the workspace.
create function nora.may_deliver(p_credential uuid, p_owner uuid, p_shared boolean) returns boolean
  language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select nora.context_field(1) = 'operation' and (p_credential = nora.context_field(6)::uuid or exists (
    select 1 from nora.agent_credentials ac join nora.agents a on a.workspace_id = ac.workspace_id and a.id = ac.agent_id
    where ac.workspace_id = nora.context_field(3)::uuid and ac.credential_id = p_credential
      and ac.agent_id = nora.context_field(5)::uuid and (a.owner_id = p_owner or p_shared)))
$$;
alter function nora.may_deliver(uuid, uuid, boolean) owner to nora_definer;
revoke all on function nora.may_deliver(uuid, uuid, boolean) from public;
grant execute on function nora.may_deliver(uuid, uuid, boolean) to nora_worker;
grant select, update (last_used_at) on nora.credentials to nora_worker;
create policy worker_select on nora.credentials for select to nora_worker
  using (workspace_id = (select nora.workspace()) and nora.may_deliver(id, owner_id, shared_with_workspace));
create policy worker_update on nora.credentials for update to nora_worker
  using (workspace_id = (select nora.workspace()) and nora.may_deliver(id, owner_id, shared_with_workspace))
  with check (workspace_id = (select nora.workspace()) and nora.may_deliver(id, owner_id, shared_with_workspace));

-- agents: the api writes what should be, the worker what is.
grant select, insert (id, workspace_id, owner_id, name, runtime, image, target, sandbox_profile, cpus, memory_mb, disk_mb, pids, env, config,
  command, port, desired_state, state, state_reason), update (name, image, sandbox_profile, cpus, memory_mb, disk_mb, pids, env, config, command, port, desired_state, state,
  state_reason, state_changed_at, generation, keep_data, crash_count, event_seq, updated_at) on nora.agents to nora_app;
create policy app_select on nora.agents for select to nora_app using (workspace_id = (select nora.workspace()));
create policy app_insert on nora.agents for insert to nora_app
  with check (workspace_id = (select nora.workspace()) and owner_id = (select nora.actor()) and (select nora.may_write()));
create policy app_update on nora.agents for update to nora_app
  using (workspace_id = (select nora.workspace()) and (select nora.may_write()))
  with check (workspace_id = (select nora.workspace()) and (select nora.may_write()));

grant select, update (state, state_reason, state_changed_at, observed_generation, gateway_id, container_id, container_ip, http_port,
  image_digest, disk_enforced, keys_version, crash_count, last_crash_at, event_seq, updated_at, deleted_at) on nora.agents to nora_worker;
create policy worker_select on nora.agents for select to nora_worker
  using (workspace_id = (select nora.workspace()) and id = (select nora.agent()));
create policy worker_update on nora.agents for update to nora_worker
  using (workspace_id = (select nora.workspace()) and id = (select nora.agent()) and (select nora.actor_kind()) = 'operation')
  with check (workspace_id = (select nora.workspace()) and id = (select nora.agent()) and (select nora.actor_kind()) = 'operation');

-- Attaching needs a key one may use; RLS on credentials decides that inside the sub-select.
grant select, insert (workspace_id, agent_id, credential_id), delete on nora.agent_credentials to nora_app;
create policy app_select on nora.agent_credentials for select to nora_app using (workspace_id = (select nora.workspace()));
create policy app_insert on nora.agent_credentials for insert to nora_app
  with check (workspace_id = (select nora.workspace()) and (select nora.may_write())
    and exists (select 1 from nora.credentials c where c.workspace_id = agent_credentials.workspace_id and c.id = agent_credentials.credential_id));
create policy app_delete on nora.agent_credentials for delete to nora_app
  using (workspace_id = (select nora.workspace()) and (select nora.may_write()));
grant select, update (synced_secret_version, synced_at, image_digest) on nora.agent_credentials to nora_worker;
create policy worker_select on nora.agent_credentials for select to nora_worker
  using (workspace_id = (select nora.workspace()) and agent_id = (select nora.agent()));
create policy worker_update on nora.agent_credentials for update to nora_worker
  using (workspace_id = (select nora.workspace()) and agent_id = (select nora.agent()) and (select nora.actor_kind()) = 'operation')
  with check (workspace_id = (select nora.workspace()) and agent_id = (select nora.agent()) and (select nora.actor_kind()) = 'operation');

grant select, insert (id, workspace_id, agent_id, credential_id, kind, reason, input, requested_by, correlation_id, not_before, deadline_at),
  update (cancel_requested_at, status, reason, finished_at, error) on nora.operations to nora_app;
create policy app_select on nora.operations for select to nora_app using (workspace_id = (select nora.workspace()));
create policy app_insert on nora.operations for insert to nora_app
  with check (workspace_id = (select nora.workspace()) and requested_by = (select nora.actor()) and (select nora.may_write())
    and status = 'pending' and attempt = 0 and (credential_id is null or exists (select 1 from nora.credentials c
      where c.workspace_id = operations.workspace_id and c.id = operations.credential_id)));
-- The api cancels; who leases is the workers' business: a row leased by nobody would hold its agent for ever.
create policy app_update on nora.operations for update to nora_app
  using (workspace_id = (select nora.workspace()) and (select nora.may_write()) and status in ('pending', 'leased'))
  with check (workspace_id = (select nora.workspace()) and (select nora.may_write())
    and (status = 'cancelled' or (status = 'pending' and worker_id is null) or (status = 'leased' and worker_id is not null)));
grant select, update (status, step, step_at, reason, result, error, finished_at, lease_until, not_before) on nora.operations to nora_worker;
create policy worker_select on nora.operations for select to nora_worker
  using (workspace_id = (select nora.workspace()) and id = (select nora.actor()));
create policy worker_update on nora.operations for update to nora_worker
  using (workspace_id = (select nora.workspace()) and id = (select nora.actor()))
  with check (workspace_id = (select nora.workspace()) and id = (select nora.actor()));

grant select, insert on nora.events to nora_app, nora_worker;
create policy app_select on nora.events for select to nora_app using (workspace_id = (select nora.workspace()));
create policy app_insert on nora.events for insert to nora_app
  with check (workspace_id = (select nora.workspace()) and (select nora.may_write()));
create policy worker_select on nora.events for select to nora_worker
  using (workspace_id = (select nora.workspace()) and agent_id = (select nora.agent()));
create policy worker_insert on nora.events for insert to nora_worker
  with check (workspace_id = (select nora.workspace()) and agent_id = (select nora.agent()));

grant select on nora.log_followers, nora.log_chunks to nora_app;
create policy app_select on nora.log_followers for select to nora_app using (workspace_id = (select nora.workspace()));
create policy app_select on nora.log_chunks for select to nora_app using (workspace_id = (select nora.workspace()));
grant select, update (container_id, cursor_ts, cursor_ordinal, generation, next_seq, stored_bytes, lease_until, updated_at)
  on nora.log_followers to nora_worker;
create policy worker_select on nora.log_followers for select to nora_worker
  using (workspace_id = (select nora.workspace()) and agent_id = (select nora.agent()));
create policy worker_update on nora.log_followers for update to nora_worker
  using (workspace_id = (select nora.workspace()) and agent_id = (select nora.agent()) and (select nora.actor_kind()) = 'follower')
  with check (workspace_id = (select nora.workspace()) and agent_id = (select nora.agent()) and (select nora.actor_kind()) = 'follower');
grant select, insert, delete on nora.log_chunks to nora_worker;
create policy worker_select on nora.log_chunks for select to nora_worker
  using (workspace_id = (select nora.workspace()) and agent_id = (select nora.agent()));
create policy worker_insert on nora.log_chunks for insert to nora_worker
  with check (workspace_id = (select nora.workspace()) and agent_id = (select nora.agent()) and (select nora.actor_kind()) = 'follower');
create policy worker_delete on nora.log_chunks for delete to nora_worker
  using (workspace_id = (select nora.workspace()) and agent_id = (select nora.agent()) and (select nora.actor_kind()) = 'follower');

grant select (id, workspace_id, agent_id, user_id, session_id, kind, ticket_expires_at, redeemed_at, created_at),
  insert (id, workspace_id, agent_id, user_id, session_id, kind, ticket_hash, ticket_expires_at) on nora.streams to nora_app;
create policy app_select on nora.streams for select to nora_app
  using (workspace_id = (select nora.workspace()) and user_id = (select nora.actor()));
create policy app_insert on nora.streams for insert to nora_app
  with check (workspace_id = (select nora.workspace()) and user_id = (select nora.actor()) and redeemed_at is null);

grant select, insert, update (status, location, body, replayable), delete on nora.idempotency_keys to nora_app;
create policy app_select on nora.idempotency_keys for select to nora_app
  using (workspace_id = (select nora.workspace()) and user_id = (select nora.actor()));
create policy app_insert on nora.idempotency_keys for insert to nora_app
  with check (workspace_id = (select nora.workspace()) and user_id = (select nora.actor()));
create policy app_update on nora.idempotency_keys for update to nora_app
  using (workspace_id = (select nora.workspace()) and user_id = (select nora.actor()))
  with check (workspace_id = (select nora.workspace()) and user_id = (select nora.actor()));
create policy app_delete on nora.idempotency_keys for delete to nora_app
  using (workspace_id = (select nora.workspace()) and user_id = (select nora.actor()));

-- Where workers and gateways are reached: no tenant's data, so grants alone decide.
grant select on nora.workers, nora.gateways to nora_app;
grant select, insert, update, delete on nora.workers, nora.gateways to nora_worker;
