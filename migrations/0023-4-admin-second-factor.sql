-- The second factor at the admin app's own door, and for what asks admins for a step-up there.

set role nora_owner;
-- What this session's authenticator is asked to sign: one at a time, one use, five minutes; by its hash.
alter table nora.admin_sessions add column challenge_hash bytea check (length(challenge_hash) = 32),
  add column challenge_at timestamptz;
reset role;

-- The hook of 0020.
create or replace function nora.second_factor_due(p_user uuid) returns boolean language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$ select nora.has_passkeys(p_user) $$;

-- The passkeys of the admin behind a session that may have yet to show one, with a challenge for it. NR401 session-invalid.
create function nora.admin_challenge(p_session uuid, p_secret bytea, p_challenge_hash bytea)
  returns table (id uuid, credential_id bytea, public_key bytea, transports text[]) language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  who uuid;
begin
  select a.user_id into who from nora.admin_session(p_session, p_secret) a;
  if who is null then perform nora.raise_problem(401, 'session-invalid'); end if;
  update nora.admin_sessions s set challenge_hash = p_challenge_hash, challenge_at = now() where s.id = p_session;
  return query select p.id, p.credential_id, p.public_key, p.transports from nora.passkeys p where p.user_id = who order by p.created_at;
end $$;

-- Uses the challenge up. No row: it is not this session's, or older than five minutes.
create function nora.take_admin_challenge(p_session uuid, p_secret bytea, p_challenge_hash bytea)
  returns table (id uuid, credential_id bytea, public_key bytea, transports text[]) language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  who uuid;
begin
  update nora.admin_sessions s set challenge_hash = null, challenge_at = null from nora.admin_session(p_session, p_secret) a
    where s.id = p_session and s.challenge_hash = p_challenge_hash and s.challenge_at > now() - interval '5 minutes'
    returning a.user_id into who;
  return query select p.id, p.credential_id, p.public_key, p.transports from nora.passkeys p where p.user_id = who order by p.created_at;
end $$;

-- Shows the second factor, which is a step-up too: a passkey by the api's word, or a recovery code. False, and audited, otherwise.
create function nora.show_admin_second_factor(p_session uuid, p_secret bytea, p_api_proof bytea, p_passkey uuid, p_counter bigint,
  p_code_hash bytea, p_ip inet, p_correlation text) returns boolean language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  who uuid;
  good boolean;
  method text := case when p_passkey is not null then 'passkey' when p_code_hash is not null then 'recovery-code' end;
begin
  perform nora.require_api(p_api_proof);
  select a.user_id into who from nora.admin_session(p_session, p_secret) a;
  if who is null then perform nora.raise_problem(401, 'session-invalid'); end if;
  good := case when p_passkey is not null then nora.use_passkey(who, p_passkey, p_counter, p_ip, p_correlation)
    else nora.use_recovery_code(who, p_code_hash, p_ip, p_correlation) end;
  if good then
    update nora.admin_sessions s set second_factor_at = now(), stepped_up_until = least(now() + interval '10 minutes', s.expires_at)
      where s.id = p_session;
  end if;
  perform nora.write_audit(case when good then 'STEPPED_UP' else 'STEP_UP_REFUSED' end, 'user', who::text, null, 'session',
    p_session::text, p_ip, p_correlation, jsonb_strip_nulls(jsonb_build_object('as', 'admin', 'method', method)));
  return good;
end $$;

-- As in 0020, for whoever has no passkey. NR403 passkey-required.
create or replace function nora.step_up_admin(p_session uuid, p_secret bytea, p_password_proof bytea, p_ip inet, p_correlation text)
  returns timestamptz language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  who uuid := nora.require_admin(p_session, p_secret, false);
  ends timestamptz;
begin
  if nora.has_passkeys(who) then perform nora.raise_problem(403, 'passkey-required'); end if;
  update nora.admin_sessions s set stepped_up_until = least(now() + interval '10 minutes', s.expires_at)
    from nora.users u where s.id = p_session and u.id = who and u.password_verifier = sha256(p_password_proof)
    returning s.stepped_up_until into ends;
  perform nora.write_audit(case when ends is null then 'STEP_UP_REFUSED' else 'STEPPED_UP' end, 'user', who::text, null, 'session',
    p_session::text, p_ip, p_correlation, '{"as": "admin"}');
  return ends;
end $$;

do $$
declare f text;
begin
  foreach f in array array['admin_challenge(uuid,bytea,bytea)', 'take_admin_challenge(uuid,bytea,bytea)',
    'show_admin_second_factor(uuid,bytea,bytea,uuid,bigint,bytea,inet,text)'] loop
    execute format('alter function nora.%s owner to nora_definer', f);
    execute format('revoke all on function nora.%s from public', f);
    execute format('grant execute on function nora.%s to nora_app', f);
  end loop;
end $$;
