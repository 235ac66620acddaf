-- What is a person's alone asks that a person acts. In the context of a program's key, or of an admin's turn, `nora.actor()` is
-- somebody, too: a statement that is smuggled in there could rename that person's passkey, in their name, read the salt of their
-- password, and read, plant and remove the answers that are kept for their own calls.

create or replace function nora.my_password_salt() returns text language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$
  select password_salt from nora.users where id = nora.actor() and nora.actor_kind() = 'user'
$$;

create or replace function nora.count_recovery_codes() returns int language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$
  select count(*)::int from nora.recovery_codes where user_id = nora.actor() and nora.actor_kind() = 'user'
$$;

-- As in 0023-2, by a person. NR404 not-found.
create or replace function nora.rename_passkey(p_passkey uuid, p_label text, p_ip inet, p_correlation text) returns void
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  update nora.passkeys p set label = p_label where p.id = p_passkey and p.user_id = nora.actor() and nora.actor_kind() = 'user';
  if not found then perform nora.raise_problem(404, 'not-found'); end if;
  perform nora.write_audit('PASSKEY_RENAMED', 'user', nora.actor()::text, null, 'passkey', p_passkey::text, p_ip, p_correlation,
    jsonb_build_object('label', p_label));
end $$;

-- As in 0013, by a person: everything that asks for a step-up does.
create or replace function nora.require_step_up(p_session uuid, p_secret bytea) returns void language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  perform 1 from nora.sessions s where s.id = p_session and s.user_id = nora.actor() and nora.actor_kind() = 'user'
    and s.secret_hash = sha256(p_secret) and s.revoked_at is null and s.stepped_up_until > clock_timestamp();
  if not found then perform nora.raise_problem(403, 'step-up-required'); end if;
end $$;

-- A program's answers are kept as `<its key's id> <hash>`, a person's under a name without a space (http/idempotency.ts).
create policy key_narrows on nora.idempotency_keys as restrictive to nora_app
  using (case when (select nora.actor_kind()) = 'api_key' then starts_with(key, (select nora.api_key())::text || ' ')
    else position(' ' in key) = 0 end);
