-- The proven context: who acts, in which workspace, for this transaction only.
-- A definer function checks a proof and leaves an HMAC-bound setting; every policy reads it back through
-- functions that check the HMAC, the backend and the transaction. A bare set_config opens nothing.

create schema nora authorization nora_owner;
grant usage, create on schema nora to nora_definer;
grant usage on schema nora to nora_app, nora_worker;

-- Two independent 64-byte blocks: NMAC over SHA-256, which needs no extension. Readable by nora_definer alone.
create table nora.context_key (
  singleton boolean primary key default true check (singleton),
  inner_block bytea not null check (length(inner_block) = 64),
  outer_block bytea not null check (length(outer_block) = 64)
);
alter table nora.context_key owner to nora_definer;

create function nora.random_block() returns bytea language sql volatile
  set search_path = pg_catalog, pg_temp as $$
  select string_agg(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
    || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), ''::bytea)
  from generate_series(1, 2)
$$;
alter function nora.random_block() owner to nora_definer;
revoke all on function nora.random_block() from public;

set role nora_definer;
insert into nora.context_key (inner_block, outer_block) values (nora.random_block(), nora.random_block());
reset role;

create function nora.context_mac(body text) returns text language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$
  select encode(sha256(k.outer_block || sha256(k.inner_block || convert_to(body, 'UTF8'))), 'hex')
  from nora.context_key k
$$;

-- kind|actor|workspace|role|agent|credential|backend pid|transaction start/id|mac. The start alone is not one transaction's
-- own: all that come in one message share it.
create function nora.context_field(n int) returns text language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  raw text := nullif(current_setting('nora.context', true), '');
  parts text[];
begin
  if raw is null then return null; end if;
  parts := string_to_array(raw, '|');
  if array_length(parts, 1) is distinct from 9 then return null; end if;
  if parts[7] is distinct from pg_backend_pid()::text then return null; end if;
  if parts[8] is distinct from extract(epoch from transaction_timestamp())::text || '/' || pg_current_xact_id_if_assigned()::text then
    return null;
  end if;
  if parts[9] is distinct from nora.context_mac(array_to_string(parts[1:8], '|')) then return null; end if;
  return nullif(parts[n], '');
end $$;

create function nora.set_context(kind text, actor uuid, workspace uuid, role text, agent uuid, credential uuid)
  returns void language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  body text := concat_ws('|', kind, coalesce(actor::text, ''), coalesce(workspace::text, ''), role,
    coalesce(agent::text, ''), coalesce(credential::text, ''), pg_backend_pid()::text,
    extract(epoch from transaction_timestamp())::text || '/' || pg_current_xact_id()::text);
begin
  perform set_config('nora.context', body || '|' || nora.context_mac(body), true);
end $$;

-- What policies read. Write them as (select nora.workspace()) so that they run once per statement.
create function nora.actor_kind() returns text language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$ select nora.context_field(1) $$;
create function nora.actor() returns uuid language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$ select nora.context_field(2)::uuid $$;
create function nora.workspace() returns uuid language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$ select nora.context_field(3)::uuid $$;
create function nora.role() returns text language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$ select nora.context_field(4) $$;
create function nora.agent() returns uuid language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$ select nora.context_field(5)::uuid $$;
create function nora.credential() returns uuid language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$ select nora.context_field(6)::uuid $$;
-- True for a signed-in person whose role lets them change things in the workspace.
create function nora.may_write() returns boolean language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$
  select coalesce(nora.context_field(1) = 'user' and nora.context_field(4) in ('editor', 'admin', 'owner'), false)
$$;

do $$
declare f text;
begin
  foreach f in array array['context_mac(text)', 'context_field(int)', 'set_context(text,uuid,uuid,text,uuid,uuid)',
    'actor_kind()', 'actor()', 'workspace()', 'role()', 'agent()', 'credential()', 'may_write()'] loop
    execute format('alter function nora.%s owner to nora_definer', f);
    execute format('revoke all on function nora.%s from public', f);
  end loop;
  foreach f in array array['actor_kind()', 'actor()', 'workspace()', 'role()', 'agent()', 'credential()', 'may_write()'] loop
    execute format('grant execute on function nora.%s to nora_app, nora_worker', f);
  end loop;
end $$;
