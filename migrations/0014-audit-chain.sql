-- The audit log's hash chain. Rows are given their place when they are chained, after they have committed: their own
-- numbers may commit out of order. Postgres computes the hashes itself, so that no process can put another one in.

set role nora_owner;

-- What waits to be chained: written by a trigger in the row's own transaction, so a row that commits late waits like any other.
create table nora.audit_pending (
  seq bigint primary key,
  since timestamptz not null default clock_timestamp()
);
-- hash = SHA-256(0x01 | previous | nora.audit_entry(row)); the first `previous` is 32 zero bytes.
create table nora.audit_chain (
  position bigint primary key check (position >= 1),
  seq bigint not null unique,
  previous bytea not null check (length(previous) = 32),
  hash bytea not null check (length(hash) = 32)
);
-- The end of the chain, under a MAC whose key only workers have: an end that somebody else made is not chained on.
create table nora.audit_head (
  singleton boolean primary key default true check (singleton),
  position bigint not null default 0,
  hash bytea not null default decode(repeat('00', 32), 'hex') check (length(hash) = 32),
  kid bytea check (length(kid) = 8),
  mac bytea check (length(mac) = 32),
  chained_at timestamptz not null default clock_timestamp()
);
-- Ed25519 over position, hash, time and key: what the chain was at that moment.
create table nora.audit_checkpoints (
  position bigint primary key,
  hash bytea not null check (length(hash) = 32),
  made_at timestamptz(3) not null,
  kid bytea not null check (length(kid) = 8),
  signature bytea not null check (length(signature) = 64)
);
-- The settings each process was last started with; no secret.
create table nora.configurations (
  service text primary key,
  settings jsonb not null,
  seen_at timestamptz not null default clock_timestamp()
);
insert into nora.audit_head default values;
-- By time, because people ask for a time; one index as before.
create index audit_log_workspace_ts on nora.audit_log (workspace_id, ts desc, id desc);
drop index nora.audit_log_workspace;
-- A row that is too large to chain, check and export in bounded memory is not written.
alter table nora.audit_log
  add constraint audit_log_bounded check (octet_length(details::text) <= 65536 and length(actor_id) <= 200
    and length(target_kind) <= 100 and length(target_id) <= 500 and length(correlation_id) <= 200) not valid;
insert into nora.audit_pending (seq) select seq from nora.audit_log;

reset role;

do $$
declare t text;
begin
  foreach t in array array['audit_pending', 'audit_chain', 'audit_head', 'audit_checkpoints', 'configurations'] loop
    execute format('alter table nora.%I enable row level security', t);
    execute format('alter table nora.%I force row level security', t);
    execute format('create policy definer on nora.%I to nora_definer using (true) with check (true)', t);
  end loop;
end $$;
grant select, insert, delete on nora.audit_pending to nora_definer;
grant select, insert on nora.audit_chain, nora.audit_checkpoints to nora_definer;
grant select, update on nora.audit_head to nora_definer;
grant select, insert, update on nora.configurations to nora_definer;

-- Who verifies reads everything of the audit and nothing else.
grant usage on schema nora to nora_audit, nora_admin_reader;
do $$
declare t text;
begin
  foreach t in array array['audit_log', 'audit_pending', 'audit_chain', 'audit_head', 'audit_checkpoints'] loop
    execute format('grant select on nora.%I to nora_audit', t);
    execute format('create policy audit_select on nora.%I for select to nora_audit using (true)', t);
  end loop;
end $$;

create function nora.audit_waits() returns trigger language plpgsql security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  insert into nora.audit_pending (seq) values (new.seq);
  return null;
end $$;
create trigger audit_waits after insert on nora.audit_log for each row execute function nora.audit_waits();

create function nora.json_text(value text) returns text language sql stable
  set search_path = pg_catalog, pg_temp as $$ select coalesce(to_json(value)::text, 'null') $$;

-- A row as RFC 8785 writes it. `details` is the text of the jsonb, so that no number in it is ever rounded.
create function nora.audit_entry(a nora.audit_log) returns text language sql stable
  set search_path = pg_catalog, pg_temp as $$
  select '{"actor_id":' || nora.json_text(a.actor_id) || ',"actor_kind":' || nora.json_text(a.actor_kind)
    || ',"correlation_id":' || nora.json_text(a.correlation_id) || ',"details":' || nora.json_text(a.details::text)
    || ',"event_type":' || nora.json_text(a.event_type) || ',"id":' || nora.json_text(a.id::text)
    || ',"ip":' || nora.json_text(a.ip::text) || ',"seq":' || a.seq || ',"target_id":' || nora.json_text(a.target_id)
    || ',"target_kind":' || nora.json_text(a.target_kind)
    || ',"timestamp":' || nora.json_text(to_char(a.ts at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
    || ',"workspace_id":' || nora.json_text(a.workspace_id::text) || '}'
$$;

-- For whoever chains or exports: holds the chain still until the transaction ends. `known_hash` is the chain's hash at a
-- place that the caller has written down elsewhere.
create function nora.hold_audit_chain(p_known bigint) returns table (head bigint, hash bytea, kid bytea, mac bytea, known_hash bytea)
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  return query select h.position, h.hash, h.kid, h.mac, (select c.hash from nora.audit_chain c where c.position = p_known)
    from nora.audit_head h for update;
end $$;

-- Chains what waits, in the order of its numbers as far as it is committed, at most p_limit rows and some megabytes. Gives the
-- new end, which must be sealed before the transaction ends.
create function nora.chain_audit(p_limit int) returns table (head bigint, hash bytea, chained int)
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  place bigint;
  tail bytea;
  link bytea;
  n int := 0;
  bytes bigint := 0;
  r record;
begin
  select h.position, h.hash into strict place, tail from nora.audit_head h for update;
  for r in select p.seq, nora.audit_entry(a) as entry from nora.audit_pending p join nora.audit_log a on a.seq = p.seq
      order by p.seq limit p_limit loop
    link := sha256('\x01'::bytea || tail || convert_to(r.entry, 'UTF8'));
    place := place + 1;
    insert into nora.audit_chain (position, seq, previous, hash) values (place, r.seq, tail, link);
    delete from nora.audit_pending p where p.seq = r.seq;
    tail := link;
    n := n + 1;
    bytes := bytes + octet_length(r.entry);
    exit when bytes > 8000000;
  end loop;
  if n > 0 then
    update nora.audit_head h set position = place, hash = tail, kid = null, mac = null, chained_at = clock_timestamp();
  end if;
  return query select place, tail, n;
end $$;

create function nora.seal_audit_head(p_position bigint, p_hash bytea, p_kid bytea, p_mac bytea) returns void
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  update nora.audit_head h set kid = p_kid, mac = p_mac where h.position = p_position and h.hash = p_hash and h.mac is null;
  if not found then raise exception 'not the unsealed end of the chain' using errcode = 'NR409'; end if;
end $$;

-- Nothing can end a transaction with an end of the chain that is not sealed.
create function nora.audit_head_sealed() returns trigger language plpgsql security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  if exists (select 1 from nora.audit_head h where h.position > 0 and (h.mac is null or h.kid is null)) then
    raise exception 'the end of the audit chain is not sealed' using errcode = 'NR409';
  end if;
  return null;
end $$;
create constraint trigger audit_head_sealed after update on nora.audit_head deferrable initially deferred
  for each row execute function nora.audit_head_sealed();

-- Chained rows after a place, as they are exported. A row that is gone from the log has no entry.
create function nora.audit_chained(p_after bigint, p_limit int) returns table ("position" bigint, previous bytea, hash bytea, entry text)
  language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select t.position, t.previous, t.hash, t.entry from (
    select c.position, c.previous, c.hash, e.entry,
      sum(octet_length(e.entry)) over (order by c.position rows between unbounded preceding and 1 preceding) as before
    from (select * from nora.audit_chain x where x.position > p_after order by x.position limit p_limit) c
    left join nora.audit_log a on a.seq = c.seq
    left join lateral (select nora.audit_entry(a) as entry where a.seq is not null) e on true) t
  where coalesce(t.before, 0) < 8000000 order by t.position
$$;

create function nora.audit_checkpoints_after(p_after bigint, p_limit int)
  returns table ("position" bigint, hash bytea, made_at timestamptz, kid bytea, signature bytea)
  language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select c.position, c.hash, c.made_at, c.kid, c.signature from nora.audit_checkpoints c where c.position > p_after
  order by c.position limit p_limit
$$;

-- For the end of the chain only, and only forwards.
create function nora.add_audit_checkpoint(p_position bigint, p_hash bytea, p_made_at timestamptz, p_kid bytea, p_signature bytea)
  returns void language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform 1 from nora.audit_head h where h.position = p_position and h.hash = p_hash and h.position > 0 for update;
  if not found or exists (select 1 from nora.audit_checkpoints c where c.position >= p_position) then
    raise exception 'not a new end of the chain' using errcode = 'NR409';
  end if;
  insert into nora.audit_checkpoints (position, hash, made_at, kid, signature)
    values (p_position, p_hash, p_made_at, p_kid, p_signature);
end $$;

-- How the chain stands: numbers and hashes, no row of anybody's. For workers, and for the page of the platform's admins.
create function nora.audit_status(p_known bigint) returns table (head bigint, hash bytea, kid bytea, chained_at timestamptz, waiting int,
  waiting_ms bigint, checkpoint bigint, checkpoint_kid bytea, checkpoint_at timestamptz, checkpoint_age_ms bigint, known_hash bytea) language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select h.position, h.hash, h.kid, h.chained_at, (select count(*)::int from (select 1 from nora.audit_pending limit 10000) x),
    coalesce((select ceil(1000 * extract(epoch from clock_timestamp() - p.since))::bigint from nora.audit_pending p order by p.seq limit 1), 0),
    coalesce(k.position, 0), k.kid, k.made_at, ceil(1000 * extract(epoch from clock_timestamp() - k.made_at))::bigint,
    (select c.hash from nora.audit_chain c where c.position = p_known)
  from nora.audit_head h left join lateral (select c.position, c.kid, c.made_at from nora.audit_checkpoints c order by c.position desc limit 1) k on true
$$;

create function nora.report_audit_broken(p_details jsonb) returns void language sql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
  select nora.write_audit('AUDIT_CHAIN_BROKEN', 'system', 'system', null, 'audit-chain', null, null, null, p_details)
$$;

-- From this row on another key seals and signs: it gives the new key something to seal, so that the old one can be taken away.
create function nora.report_audit_key(p_kid bytea) returns void language sql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
  select nora.write_audit('AUDIT_KEY_CHANGED', 'system', 'system', null, 'audit-key', encode(p_kid, 'hex'), null, null, '{}')
$$;

-- What the api's own machinery has to tell; only these types, in nobody's name and about no workspace but the one of the
-- account whose sign-in was slowed down.
create function nora.report_api_event(p_type text, p_target text, p_ip inet, p_correlation text, p_details jsonb) returns void
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  case p_type
    when 'ERROR' then
      perform nora.write_audit(p_type, 'system', 'system', null, 'route', p_target, p_ip, p_correlation, p_details);
    when 'CAPABILITY_REFUSED' then
      perform nora.write_audit(p_type, 'system', 'system', null, 'gateway', p_target, p_ip, p_correlation, p_details);
    when 'SIGN_IN_SLOWED' then
      perform nora.write_audit(p_type, 'anonymous', null, null, 'user', p_target, p_ip, p_correlation, p_details);
    else
      raise exception 'type not allowed' using errcode = 'NR403';
  end case;
end $$;

-- Each process tells its settings when it starts (no secret); what changed since its last start is audited with them.
create function nora.record_configuration(p_settings jsonb) returns text[] language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  who text := case session_user when 'nora_app' then 'api' when 'nora_worker' then 'worker' else 'other' end;
  old jsonb;
  changed text[];
begin
  insert into nora.configurations (service, settings) values (who, p_settings) on conflict (service) do nothing;
  if found then
    changed := null;
  else
    select c.settings into old from nora.configurations c where c.service = who for update;
    select array_agg(k order by k) into changed from (select jsonb_object_keys(old || p_settings) as k) x
      where old -> k is distinct from p_settings -> k;
    if changed is null then return array[]::text[]; end if;
    update nora.configurations c set settings = p_settings, seen_at = clock_timestamp() where c.service = who;
  end if;
  perform nora.write_audit('CONFIGURATION_CHANGED', 'system', 'system', null, 'service', who, null, null,
    jsonb_build_object('service', who, 'changed', to_jsonb(changed), 'settings', p_settings));
  return coalesce(changed, array[]::text[]);
end $$;

-- A row about somebody's account that names no workspace stands in their personal one, where they can read it.
create or replace function nora.write_audit(p_type text, p_actor_kind text, p_actor text, p_workspace uuid, p_target_kind text, p_target text,
  p_ip inet, p_correlation text, p_details jsonb) returns void language sql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
  insert into nora.audit_log (event_type, actor_kind, actor_id, workspace_id, target_kind, target_id, ip, correlation_id, details)
  values (p_type, p_actor_kind, p_actor, coalesce(p_workspace, (select w.id from nora.workspaces w where w.personal_of =
      case when p_actor_kind = 'user' then p_actor::uuid when p_target_kind = 'user' then p_target::uuid end)),
    p_target_kind, p_target, p_ip, p_correlation, p_details)
$$;

-- What happened to a person's account is theirs to read, also where others are admins of their personal workspace.
drop policy app_select on nora.audit_log;
create policy app_select on nora.audit_log for select to nora_app
  using (workspace_id = (select nora.workspace()) and (select nora.role()) in ('admin', 'owner')
    and (event_type not in ('SIGNED_IN', 'SIGN_IN_FAILED', 'SIGN_IN_SLOWED', 'SIGNED_OUT', 'SIGN_UP_REPEATED', 'SESSION_REVOKED', 'STEPPED_UP',
        'STEP_UP_REFUSED', 'REFRESH_TOKEN_REUSED', 'PASSWORD_CHANGED', 'ADMIN_RESET', 'ADMIN_READ')
      or actor_id = (select nora.actor())::text or target_id = (select nora.actor())::text));

do $$
declare f text;
begin
  foreach f in array array['audit_waits()', 'json_text(text)', 'audit_entry(nora.audit_log)', 'hold_audit_chain(bigint)', 'chain_audit(int)',
    'seal_audit_head(bigint,bytea,bytea,bytea)', 'audit_head_sealed()', 'audit_chained(bigint,int)', 'audit_checkpoints_after(bigint,int)',
    'add_audit_checkpoint(bigint,bytea,timestamptz,bytea,bytea)', 'audit_status(bigint)', 'report_audit_broken(jsonb)', 'report_audit_key(bytea)',
    'report_api_event(text,text,inet,text,jsonb)', 'record_configuration(jsonb)'] loop
    execute format('alter function nora.%s owner to nora_definer', f);
    execute format('revoke all on function nora.%s from public', f);
  end loop;
  foreach f in array array['hold_audit_chain(bigint)', 'chain_audit(int)', 'seal_audit_head(bigint,bytea,bytea,bytea)',
    'audit_chained(bigint,int)', 'audit_checkpoints_after(bigint,int)', 'add_audit_checkpoint(bigint,bytea,timestamptz,bytea,bytea)',
    'report_audit_broken(jsonb)', 'report_audit_key(bytea)', 'record_configuration(jsonb)'] loop
    execute format('grant execute on function nora.%s to nora_worker', f);
  end loop;
  grant execute on function nora.audit_status(bigint) to nora_worker, nora_admin_reader;
  grant execute on function nora.report_api_event(text,text,inet,text,jsonb), nora.record_configuration(jsonb) to nora_app;
  grant execute on function nora.json_text(text), nora.audit_entry(nora.audit_log) to nora_audit;
end $$;
