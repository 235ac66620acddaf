-- Secrets are exchanged while everything goes on: how fast stored keys are re-sealed, and what else of the api's is proven with
-- the one before.

set role nora_owner;
-- When rows were re-sealed last, and how many a second by then (over some ten seconds, all workers together).
alter table nora.key_rotations add column moved_at timestamptz, add column rate double precision;
-- When the hash was made with the pepper that made it: a key's first, or the one it has been renewed with since.
alter table nora.api_key_secrets add column hashed_at timestamptz not null default clock_timestamp();
update nora.api_key_secrets set hashed_at = created_at;
reset role;

create or replace function nora.reseal_store(p_target int, p_proof bytea, p_kinds text[], p_workspaces uuid[], p_ids uuid[], p_agents uuid[], p_secret_versions int[],
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
  -- A mean that forgets with a time of ten seconds, whatever comes at which distance; after a pause it begins anew.
  update nora.key_rotations k set resealed = k.resealed + total, moved_at = clock_timestamp(),
      rate = case when t.since is null or t.since > 60 then null
        when k.rate is null then total / greatest(t.since, 0.001)
        else k.rate * exp(-t.since / 10) + total * (1 - exp(-t.since / 10)) / greatest(t.since, 0.001) end
    from (select extract(epoch from clock_timestamp() - o.moved_at)::double precision as since from nora.key_rotations o
      where o.target_version = p_target) t
    where k.target_version = p_target;
  return total;
end $$;

-- A key that is still known by a proof from the pepper before is known by another from now on. Whoever asks shows the proof, so
-- has the key; the key's end, scopes and all else stay. False: no such key, or not with this proof.
create function nora.renew_hub_secret(p_public text, p_proof bytea, p_hash bytea) returns boolean language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  if length(p_proof) is distinct from 32 or length(p_hash) is distinct from 32 then return false; end if;
  update nora.api_key_secrets s set hash = p_hash, hashed_at = clock_timestamp() from nora.api_keys k
    where k.public_id = p_public and s.key_id = k.id and s.hash = sha256(p_proof);
  return found;
end $$;

-- For the operator: how many keys that still work would stop with the peppers of before.
create function nora.hub_keys_before(p_since timestamptz) returns bigint language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$
  select count(distinct k.id) from nora.api_keys k join nora.api_key_secrets s on s.key_id = k.id
    where s.hashed_at < p_since and least(s.ends_at, k.expires_at) > now()
$$;

-- The api's proof after its secret was exchanged: taken from whoever shows the one before.
create function nora.renew_api_proof(p_before bytea, p_proof bytea) returns boolean language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  if length(p_proof) is distinct from 32 then return false; end if;
  update nora.api_proof set verifier = sha256(p_proof) where verifier = sha256(p_before);
  if not found then return false; end if;
  perform nora.write_audit('CONFIGURATION_CHANGED', 'system', 'system', null, 'secret', 'capability-key', null, null,
    '{"changed": ["capability-key"]}'::jsonb);
  return true;
end $$;

do $$
declare f text;
begin
  foreach f in array array['renew_hub_secret(text,bytea,bytea)', 'renew_api_proof(bytea,bytea)', 'hub_keys_before(timestamptz)'] loop
    execute format('alter function nora.%s owner to nora_definer', f);
    execute format('revoke all on function nora.%s from public', f);
  end loop;
  grant execute on function nora.renew_hub_secret(text,bytea,bytea), nora.renew_api_proof(bytea,bytea) to nora_app;
  grant execute on function nora.hub_keys_before(timestamptz), nora.sealed_counts() to nora_migrator;
end $$;
