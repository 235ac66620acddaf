-- Re-sealing what an older encryption key sealed, while everything else goes on.
--
-- What bounds it. A worker's role could not change a sealed record before, and still cannot by itself: whoever calls these
-- functions shows a proof derived from the encryption key they re-seal to (32 bytes, HKDF; its SHA-256 is kept here), which
-- is in the worker's memory and nowhere in the database. A statement smuggled into a worker's connection does not have it:
-- it reads no record here that it could not read before, and changes none. Nor can it have a key of its own taken for the
-- installation's: the first worker names the first key (trust on first use, at the first start after this migration), and
-- from then on a newer key is introduced only by whoever proves the one before. Should that chain be broken for good (every
-- older key lost), a superuser deletes the rows of nora.sealing_keys.
-- A proof holder's mistakes are bounded too: a record is replaced only by one of suite 1 with the proven key's version and
-- id and the same length, never towards an older version, and only where secret and key version are what they were read as.

set role nora_owner;

create table nora.sealing_keys (
  version int primary key check (version >= 1),
  kid8 bytea not null check (length(kid8) = 8),
  verifier bytea not null check (length(verifier) = 32),
  introduced_at timestamptz not null default now()
);

-- One row a key that rows were re-sealed to: begun with the first of them, finished when none was left.
create table nora.key_rotations (
  target_version int primary key references nora.sealing_keys (version),
  started_at timestamptz not null default now(),
  finished_at timestamptz,
  resealed bigint not null default 0
);

-- The id of the keyring with which the record did not open: such a row is left out until record or keyring changes.
alter table nora.credentials add column unopened bytea check (length(unopened) = 32);
alter table nora.given_secrets add column unopened bytea check (length(unopened) = 32);
create index credentials_key_version on nora.credentials (key_version);
create index given_secrets_key_version on nora.given_secrets (key_version);

-- The ids of every key that the worker opens with, eight bytes each, the current one first.
alter table nora.workers add column opens bytea not null default '' check (length(opens) % 8 = 0);
reset role;

do $$
declare t text;
begin
  foreach t in array array['sealing_keys', 'key_rotations'] loop
    execute format('alter table nora.%I enable row level security', t);
    execute format('alter table nora.%I force row level security', t);
    execute format('create policy definer on nora.%I to nora_definer using (true) with check (true)', t);
    execute format('grant select, insert, update on nora.%I to nora_definer', t);
  end loop;
end $$;

create function nora.forget_unopened() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  new.unopened := null;
  return new;
end $$;
alter function nora.forget_unopened() owner to nora_definer;
revoke all on function nora.forget_unopened() from public;
grant execute on function nora.forget_unopened() to nora_owner;
set role nora_owner;
create trigger forget_unopened before update of sealed on nora.credentials for each row
  when (new.sealed is distinct from old.sealed and old.unopened is not null) execute function nora.forget_unopened();
reset role;

-- Makes a key known: the first one by itself, a newer one with the proof of the newest known. True when it is new. NR409
-- key-version-taken: another key has this version. NR403 key-not-introduced: no proof of the key before.
create function nora.introduce_key(p_version int, p_kid8 bytea, p_verifier bytea, p_known_proofs bytea[]) returns boolean
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  k record;
begin
  perform 1 from nora.installation for update;
  select * into k from nora.sealing_keys where version = p_version;
  if found then
    if k.kid8 is distinct from p_kid8 or k.verifier is distinct from p_verifier then
      raise exception 'key-version-taken' using errcode = 'NR409';
    end if;
    return false;
  end if;
  select * into k from nora.sealing_keys order by version desc limit 1;
  if found and (p_version < k.version or not exists (
      select 1 from unnest(p_known_proofs) p where sha256(p) = k.verifier)) then
    raise exception 'key-not-introduced' using errcode = 'NR403';
  end if;
  insert into nora.sealing_keys (version, kid8, verifier) values (p_version, p_kid8, p_verifier);
  perform nora.write_audit('ENCRYPTION_KEY_INTRODUCED', 'system', 'system', null, 'encryption-key', p_version::text, null, null,
    jsonb_build_object('keyVersion', p_version, 'keyId', encode(p_kid8, 'hex')));
  return true;
end $$;

-- Raises NR403 key-not-proven.
create function nora.require_key(p_version int, p_proof bytea) returns bytea language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp as $$
declare kid bytea;
begin
  select k.kid8 into kid from nora.sealing_keys k where k.version = p_version and k.verifier = sha256(p_proof);
  if kid is null then raise exception 'key-not-proven' using errcode = 'NR403'; end if;
  return kid;
end $$;

-- Up to p_limit records of an older key, locked until the transaction ends; what others hold or is known not to open with
-- this keyring is left out. None while a live worker does not open the target: it would lose what it serves.
create function nora.reseal_batch(p_target int, p_proof bytea, p_keyring bytea, p_limit int)
  returns table (kind text, id uuid, agent_id uuid, workspace_id uuid, owner_id uuid, provider text, destination_hosts text[],
    key_version int, secret_version int, sealed bytea) language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare n int;
begin
  perform nora.require_key(p_target, p_proof);
  if exists (select 1 from nora.workers w where w.last_seen_at > now() - interval '30 seconds' and w.key_version < p_target) then
    return;
  end if;
  return query select 'credential'::text, c.id, null::uuid, c.workspace_id, c.owner_id, c.provider, c.destination_hosts,
      c.key_version, c.secret_version, c.sealed
    from nora.credentials c
    where c.key_version < p_target and c.unopened is distinct from p_keyring
    limit p_limit for no key update skip locked;
  get diagnostics n = row_count;
  return query select 'given'::text, g.credential_id, g.agent_id, g.workspace_id, g.owner_id, g.provider, g.destination_hosts,
      g.key_version, g.secret_version, g.sealed
    from nora.given_secrets g
    where g.key_version < p_target and g.unopened is distinct from p_keyring
    limit p_limit - n for no key update skip locked;
end $$;

-- Stores what a batch became. Returns how many rows still were what had been read; the others keep what they have.
create function nora.reseal_store(p_target int, p_proof bytea, p_kinds text[], p_workspaces uuid[], p_ids uuid[], p_agents uuid[], p_secret_versions int[],
  p_key_versions int[], p_sealed bytea[], p_fingerprints text[]) returns int language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  -- 'NS', format 1, suite 1, key version, key id: the first sixteen bytes of a record.
  head bytea := '\x4e530101'::bytea || int4send(p_target) || nora.require_key(p_target, p_proof);
  n int;
  total int := 0;
begin
  if exists (select 1 from unnest(p_sealed) s where substring(s from 1 for 16) is distinct from head) then
    raise exception 'record-not-of-this-key' using errcode = 'NR403';
  end if;
  if not exists (select 1 from nora.key_rotations where target_version = p_target) then
    insert into nora.key_rotations (target_version) values (p_target) on conflict do nothing;
    get diagnostics n = row_count;
    if n = 1 then
      perform nora.write_audit('KEY_ROTATION_STARTED', 'system', 'system', null, 'encryption-key', p_target::text, null, null,
        jsonb_build_object('keyVersion', p_target));
    end if;
  end if;
  update nora.credentials c set sealed = x.sealed, suite = 1, key_version = p_target, fingerprint = x.fingerprint, unopened = null
    from unnest(p_kinds, p_workspaces, p_ids, p_secret_versions, p_key_versions, p_sealed, p_fingerprints)
      as x (kind, workspace_id, id, secret_version, key_version, sealed, fingerprint)
    where x.kind = 'credential' and c.workspace_id = x.workspace_id and c.id = x.id and c.secret_version = x.secret_version and c.key_version = x.key_version
      and c.key_version < p_target and length(c.sealed) = length(x.sealed);
  get diagnostics n = row_count;
  total := total + n;
  update nora.given_secrets g set sealed = x.sealed, key_version = p_target, unopened = null
    from unnest(p_kinds, p_workspaces, p_ids, p_agents, p_secret_versions, p_key_versions, p_sealed)
      as x (kind, workspace_id, id, agent_id, secret_version, key_version, sealed)
    where x.kind = 'given' and g.workspace_id = x.workspace_id and g.credential_id = x.id and g.agent_id = x.agent_id and g.secret_version = x.secret_version
      and g.key_version = x.key_version and g.key_version < p_target and length(g.sealed) = length(x.sealed);
  get diagnostics n = row_count;
  total := total + n;
  update nora.key_rotations set resealed = resealed + total where target_version = p_target;
  return total;
end $$;

-- A record of a batch that did not open: marked, and reported once for what it is now and the keys that were tried.
create function nora.reseal_failed(p_target int, p_proof bytea, p_keyring bytea, p_kind text, p_id uuid, p_agent uuid,
  p_secret_version int, p_reason text) returns boolean language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare w uuid; v int;
begin
  perform nora.require_key(p_target, p_proof);
  if p_kind = 'credential' then
    update nora.credentials c set unopened = p_keyring
      where c.id = p_id and c.secret_version = p_secret_version and c.key_version < p_target
        and c.unopened is distinct from p_keyring
      returning c.workspace_id, c.key_version into w, v;
  else
    update nora.given_secrets g set unopened = p_keyring
      where g.credential_id = p_id and g.agent_id = p_agent and g.secret_version = p_secret_version and g.key_version < p_target
        and g.unopened is distinct from p_keyring
      returning g.workspace_id, g.key_version into w, v;
  end if;
  if w is null then return false; end if;
  perform nora.report_security_event('SECRET_OPEN_FAILED', w, 'credential', p_id::text, jsonb_strip_nulls(jsonb_build_object(
    'credentialId', p_id, 'agentId', p_agent, 'keyVersion', v, 'secretVersion', p_secret_version, 'reason', p_reason,
    'during', 'key rotation')));
  return true;
end $$;

-- How many records each key version seals, and how many of them are known not to open: both indexed, no secret in them.
create function nora.sealed_counts() returns table (key_version int, credentials bigint, given_secrets bigint, unopened bigint)
  language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select v.key_version, coalesce(sum(v.n) filter (where v.kind = 'c'), 0)::bigint, coalesce(sum(v.n) filter (where v.kind = 'g'), 0)::bigint,
    coalesce(sum(v.u), 0)::bigint
  from (select c.key_version, 'c' as kind, count(*) as n, count(c.unopened) as u from nora.credentials c group by c.key_version
    union all select g.key_version, 'g', count(*), count(g.unopened) from nora.given_secrets g group by g.key_version) v
  group by v.key_version order by v.key_version
$$;

-- What a rotation to this key waits for and has left: the live workers that do not open it, and whether any record of an
-- older key is still to be tried with this keyring. Where none is, the end is noted and audited, once.
create function nora.rotation_state(p_target int, p_proof bytea, p_keyring bytea)
  returns table (waiting_for text[], pending boolean, resealed bigint, finished_now boolean) language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  done bigint;
  waits text[];
  left_over boolean;
  ended boolean := false;
  dead bigint;
begin
  perform nora.require_key(p_target, p_proof);
  select coalesce(array_agg(w.id order by w.id), '{}') into waits from nora.workers w
    where w.last_seen_at > now() - interval '30 seconds' and w.key_version < p_target;
  left_over := exists (select 1 from nora.credentials c where c.key_version < p_target
      and c.unopened is distinct from p_keyring)
    or exists (select 1 from nora.given_secrets g where g.key_version < p_target
      and g.unopened is distinct from p_keyring);
  if not left_over then
    update nora.key_rotations k set finished_at = now() where k.target_version = p_target and k.finished_at is null;
    ended := found;
  end if;
  select k.resealed into done from nora.key_rotations k where k.target_version = p_target;
  if ended then
    select (select count(*) from nora.credentials c where c.key_version < p_target)
      + (select count(*) from nora.given_secrets g where g.key_version < p_target) into dead;
    perform nora.write_audit('KEY_ROTATION_FINISHED', 'system', 'system', null, 'encryption-key', p_target::text, null, null,
      jsonb_build_object('keyVersion', p_target, 'resealed', done, 'unopened', dead));
  end if;
  return query select waits, left_over, coalesce(done, 0), ended;
end $$;

do $$
declare f text;
begin
  foreach f in array array['introduce_key(int,bytea,bytea,bytea[])', 'require_key(int,bytea)', 'reseal_batch(int,bytea,bytea,int)',
    'reseal_store(int,bytea,text[],uuid[],uuid[],uuid[],int[],int[],bytea[],text[])',
    'reseal_failed(int,bytea,bytea,text,uuid,uuid,int,text)', 'sealed_counts()', 'rotation_state(int,bytea,bytea)'] loop
    execute format('alter function nora.%s owner to nora_definer', f);
    execute format('revoke all on function nora.%s from public', f);
  end loop;
  foreach f in array array['introduce_key(int,bytea,bytea,bytea[])', 'reseal_batch(int,bytea,bytea,int)',
    'reseal_store(int,bytea,text[],uuid[],uuid[],uuid[],int[],int[],bytea[],text[])',
    'reseal_failed(int,bytea,bytea,text,uuid,uuid,int,text)', 'sealed_counts()', 'rotation_state(int,bytea,bytea)'] loop
    execute format('grant execute on function nora.%s to nora_worker', f);
  end loop;
end $$;
