-- A second factor ends what was begun without it, and what ends sessions ends half a sign-in too: a step-up by the password in
-- another session outlives the first passkey no more, nor the token of a first factor a new password.

-- As in 0023-2, and the first passkey takes back what the account's other sessions showed before it was there: whoever has
-- stolen one could remove the passkey with it, or make recovery codes.
create or replace function nora.add_passkey(p_session uuid, p_secret bytea, p_api_proof bytea, p_credential_id bytea, p_public_key bytea,
  p_counter bigint, p_transports text[], p_label text, p_backed_up boolean, p_ip inet, p_correlation text) returns uuid
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  pid uuid;
  n int;
begin
  perform nora.require_api(p_api_proof);
  perform nora.require_step_up(p_session, p_secret);
  -- Against a sign-in or a step-up that is under way: it ends up as one that needed no passkey yet, or waits and needs it.
  perform 1 from nora.users u where u.id = nora.actor() for update;
  insert into nora.passkeys (user_id, credential_id, public_key, counter, transports, label, backed_up)
    values (nora.actor(), p_credential_id, p_public_key, p_counter, p_transports, p_label, p_backed_up)
    on conflict (credential_id) do nothing returning id into pid;
  if pid is null then perform nora.raise_problem(409, 'passkey-known'); end if;
  select count(*) into n from nora.passkeys p where p.user_id = nora.actor();
  if n > 20 then perform nora.raise_problem(422, 'passkey-limit'); end if;
  if n = 1 then
    update nora.sessions s set stepped_up_until = null, proven_at = null
      where s.user_id = nora.actor() and s.id <> p_session and s.revoked_at is null
        and (s.stepped_up_until is not null or s.proven_at is not null);
    update nora.admin_sessions s set stepped_up_until = null
      where s.user_id = nora.actor() and s.revoked_at is null and s.stepped_up_until is not null;
  end if;
  perform nora.write_audit('PASSKEY_ADDED', 'user', nora.actor()::text, null, 'passkey', pid::text, p_ip, p_correlation,
    jsonb_build_object('label', p_label, 'backedUp', p_backed_up));
  return pid;
end $$;

-- As in 0023-2, and it waits for a first passkey that is being added.
create or replace function nora.step_up(p_session uuid, p_secret bytea, p_password_proof bytea, p_ip inet, p_correlation text)
  returns timestamptz language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  ends timestamptz;
begin
  perform 1 from nora.users u where u.id = nora.actor() for share;
  if nora.has_passkeys(nora.actor()) then perform nora.raise_problem(403, 'passkey-required'); end if;
  update nora.sessions s set stepped_up_until = least(now() + interval '10 minutes', s.expires_at)
    from nora.users u
    where s.id = p_session and s.user_id = nora.actor() and s.secret_hash = sha256(p_secret) and s.revoked_at is null
      and u.id = s.user_id and u.disabled_at is null and u.password_verifier = sha256(p_password_proof)
    returning s.stepped_up_until into ends;
  if ends is null then perform nora.raise_problem(401, 'invalid-credentials'); end if;
  perform nora.write_audit('STEPPED_UP', 'user', nora.actor()::text, null, 'session', p_session::text, p_ip, p_correlation, '{}');
  return ends;
end $$;

-- Whoever showed the old password shows the new one.
create function nora.end_half_sign_ins() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  delete from nora.second_factors f where f.user_id = new.id;
  return null;
end $$;
alter function nora.end_half_sign_ins() owner to nora_definer;
revoke all on function nora.end_half_sign_ins() from public;
grant execute on function nora.end_half_sign_ins() to nora_owner;
set role nora_owner;
create trigger end_half_sign_ins after update of password_verifier on nora.users for each row
  when (new.password_verifier is distinct from old.password_verifier) execute function nora.end_half_sign_ins();
reset role;

-- As in 0020-3, and half a sign-in is one.
create or replace function nora.end_sessions_of(p_user uuid, p_reason text) returns int language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare n int; m int;
begin
  delete from nora.second_factors f where f.user_id = p_user;
  update nora.sessions s set revoked_at = now(), revoked_reason = p_reason where s.user_id = p_user and s.revoked_at is null;
  get diagnostics n = row_count;
  update nora.admin_sessions s set revoked_at = now(), revoked_reason = p_reason where s.user_id = p_user and s.revoked_at is null;
  get diagnostics m = row_count;
  return n + m;
end $$;

-- As in 0023-2, and it ends the sessions of the admin app too: one that had yet to show a passkey would be open without.
create or replace function nora.reset_passkeys(p_email text) returns int language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  uid uuid;
  n int;
begin
  select id into uid from nora.users where lower(email) = lower(p_email) for update;
  if not found then raise exception 'no such account' using errcode = 'NR404'; end if;
  delete from nora.passkeys where user_id = uid;
  get diagnostics n = row_count;
  delete from nora.recovery_codes where user_id = uid;
  perform nora.end_sessions_of(uid, 'passkeys reset');
  perform nora.write_audit('PASSKEYS_RESET', 'system', 'system', null, 'user', uid::text, null, null, jsonb_build_object('passkeys', n));
  return n;
end $$;
