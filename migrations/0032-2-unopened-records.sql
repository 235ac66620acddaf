-- Which records did not open when they were to be re-sealed, for admins: where they are, and nothing that is in them.
create function nora.unopened_records(p_limit int) returns table (credential_id uuid, agent_id uuid, workspace_id uuid, key_version int,
  secret_version int) language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select * from (
    select c.id, null::uuid, c.workspace_id, c.key_version, c.secret_version from nora.credentials c where c.unopened is not null
    union all
    select g.credential_id, g.agent_id, g.workspace_id, g.key_version, g.secret_version from nora.given_secrets g where g.unopened is not null
  ) u order by 1, 2 nulls first limit least(greatest(p_limit, 0), 100)
$$;
set role nora_owner;
create index credentials_unopened on nora.credentials (id) where unopened is not null;
create index given_secrets_unopened on nora.given_secrets (credential_id) where unopened is not null;
reset role;
alter function nora.unopened_records(int) owner to nora_definer;
revoke all on function nora.unopened_records(int) from public;
grant execute on function nora.unopened_records(int) to nora_admin_reader;
