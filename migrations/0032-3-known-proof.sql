-- For the operator who exchanges the capability key: whether the database has taken the new one's proof (its SHA-256 is asked for),
-- so that the one before may go.
create function nora.knows_api_proof(p_verifier bytea) returns boolean language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$ select exists (select 1 from nora.api_proof where verifier = p_verifier) $$;
alter function nora.knows_api_proof(bytea) owner to nora_definer;
revoke all on function nora.knows_api_proof(bytea) from public;
grant execute on function nora.knows_api_proof(bytea) to nora_migrator;
