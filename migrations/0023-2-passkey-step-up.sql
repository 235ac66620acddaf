-- Passkeys of somebody who is signed in: adding, removing, stepping up; recovery codes; and what asked for less before there were
-- passkeys (0013, 0017).

-- As in 0013, for whoever has no passkey. NR401 invalid-credentials; NR403 passkey-required.
create or replace function nora.step_up(p_session uuid, p_secret bytea, p_password_proof bytea, p_ip inet, p_correlation text)
  returns timestamptz language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  ends timestamptz;
begin
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

-- Whoever has a passkey steps up with it, and shows it after a provider's word too (hooks of 0017).
create or replace function nora.other_step_up(p_user uuid) returns text language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$
  select case when nora.has_passkeys(p_user) then 'passkey-required'
    when exists (select 1 from nora.users u where u.id = p_user and u.password_verifier is not null) then 'password-required' end
$$;
create or replace function nora.asks_more(p_token_hash bytea, p_user uuid, p_provider text, p_ip inet, p_correlation text) returns boolean
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if not nora.has_passkeys(p_user) then return false; end if;
  perform nora.ask_second_factor(p_token_hash, p_user, 'cookie', p_provider, p_ip, p_correlation);
  return true;
end $$;

-- Raises the caller's session for ten minutes, by a passkey (the api's word) or a recovery code. True, or false and audited.
create function nora.step_up_by_second_factor(p_session uuid, p_secret bytea, p_api_proof bytea, p_passkey uuid, p_counter bigint,
  p_code_hash bytea, p_ip inet, p_correlation text) returns boolean language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  good boolean;
  method text := case when p_passkey is not null then 'passkey' when p_code_hash is not null then 'recovery-code' end;
begin
  perform nora.require_api(p_api_proof);
  good := case when p_passkey is not null then nora.use_passkey(nora.actor(), p_passkey, p_counter, p_ip, p_correlation)
    else nora.use_recovery_code(nora.actor(), p_code_hash, p_ip, p_correlation) end;
  if good then
    update nora.sessions s set stepped_up_until = least(now() + interval '10 minutes', s.expires_at)
      where s.id = p_session and s.user_id = nora.actor() and s.secret_hash = sha256(p_secret) and s.revoked_at is null;
    good := found;
  end if;
  perform nora.write_audit(case when good then 'STEPPED_UP' else 'STEP_UP_REFUSED' end, 'user', nora.actor()::text, null, 'session',
    p_session::text, p_ip, p_correlation, jsonb_strip_nulls(jsonb_build_object('method', method)));
  return good;
end $$;

-- A challenge for the caller's session. A registration needs a step-up first.
create function nora.start_challenge(p_session uuid, p_secret bytea, p_challenge_hash bytea, p_purpose text, p_action text, p_target uuid,
  p_nonce bytea) returns void language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if p_purpose = 'register' then perform nora.require_step_up(p_session, p_secret); end if;
  perform 1 from nora.sessions s where s.id = p_session and s.user_id = nora.actor() and s.secret_hash = sha256(p_secret)
    and s.revoked_at is null;
  if not found then perform nora.raise_problem(401, 'unauthenticated'); end if;
  delete from nora.passkey_challenges where challenge_hash in (select c.challenge_hash from nora.passkey_challenges c
    where c.created_at < now() - interval '10 minutes' order by c.created_at limit 100 for update skip locked);
  insert into nora.passkey_challenges (challenge_hash, session_id, purpose, action, target_id, nonce)
    values (p_challenge_hash, p_session, p_purpose, p_action, p_target, p_nonce);
end $$;

-- Uses a challenge up. No row: there is none like that for this session and purpose, or it is older than five minutes.
create function nora.take_challenge(p_session uuid, p_secret bytea, p_challenge_hash bytea, p_purpose text)
  returns table (action text, target_id uuid, nonce bytea) language sql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
  delete from nora.passkey_challenges c using nora.sessions s
    where c.challenge_hash = p_challenge_hash and c.purpose = p_purpose and c.session_id = p_session
      and c.created_at > now() - interval '5 minutes'
      and s.id = c.session_id and s.user_id = nora.actor() and s.secret_hash = sha256(p_secret) and s.revoked_at is null
    returning c.action, c.target_id, c.nonce
$$;

-- At most 20. NR403 step-up-required; NR409 passkey-known; NR422 passkey-limit.
create function nora.add_passkey(p_session uuid, p_secret bytea, p_api_proof bytea, p_credential_id bytea, p_public_key bytea,
  p_counter bigint, p_transports text[], p_label text, p_backed_up boolean, p_ip inet, p_correlation text) returns uuid
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  pid uuid;
begin
  perform nora.require_api(p_api_proof);
  perform nora.require_step_up(p_session, p_secret);
  -- Against a sign-in that is under way: it ends up as one that needed no second factor yet, or waits and needs it.
  perform 1 from nora.users u where u.id = nora.actor() for update;
  insert into nora.passkeys (user_id, credential_id, public_key, counter, transports, label, backed_up)
    values (nora.actor(), p_credential_id, p_public_key, p_counter, p_transports, p_label, p_backed_up)
    on conflict (credential_id) do nothing returning id into pid;
  if pid is null then perform nora.raise_problem(409, 'passkey-known'); end if;
  if (select count(*) from nora.passkeys p where p.user_id = nora.actor()) > 20 then perform nora.raise_problem(422, 'passkey-limit'); end if;
  perform nora.write_audit('PASSKEY_ADDED', 'user', nora.actor()::text, null, 'passkey', pid::text, p_ip, p_correlation,
    jsonb_build_object('label', p_label, 'backedUp', p_backed_up));
  return pid;
end $$;

create function nora.rename_passkey(p_passkey uuid, p_label text, p_ip inet, p_correlation text) returns void
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  update nora.passkeys p set label = p_label where p.id = p_passkey and p.user_id = nora.actor();
  if not found then perform nora.raise_problem(404, 'not-found'); end if;
  perform nora.write_audit('PASSKEY_RENAMED', 'user', nora.actor()::text, null, 'passkey', p_passkey::text, p_ip, p_correlation,
    jsonb_build_object('label', p_label));
end $$;

-- The last one may go, and the recovery codes go with it: they stand in for nothing any more.
create function nora.remove_passkey(p_session uuid, p_secret bytea, p_passkey uuid, p_ip inet, p_correlation text) returns void
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  was text;
begin
  perform nora.require_step_up(p_session, p_secret);
  perform 1 from nora.users u where u.id = nora.actor() for no key update;
  delete from nora.passkeys p where p.id = p_passkey and p.user_id = nora.actor() returning p.label into was;
  if not found then perform nora.raise_problem(404, 'not-found'); end if;
  if not nora.has_passkeys(nora.actor()) then delete from nora.recovery_codes c where c.user_id = nora.actor(); end if;
  perform nora.write_audit('PASSKEY_REMOVED', 'user', nora.actor()::text, null, 'passkey', p_passkey::text, p_ip, p_correlation,
    jsonb_build_object('label', was));
end $$;

-- New codes in the place of all old ones. NR409 no-passkeys.
create function nora.replace_recovery_codes(p_session uuid, p_secret bytea, p_code_hashes bytea[], p_ip inet, p_correlation text)
  returns void language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform nora.require_step_up(p_session, p_secret);
  perform 1 from nora.users u where u.id = nora.actor() for no key update;
  if not nora.has_passkeys(nora.actor()) then perform nora.raise_problem(409, 'no-passkeys'); end if;
  if cardinality(p_code_hashes) is distinct from 10 then perform nora.raise_problem(403, 'forbidden'); end if;
  delete from nora.recovery_codes c where c.user_id = nora.actor();
  insert into nora.recovery_codes (code_hash, user_id) select h, nora.actor() from unnest(p_code_hashes) h;
  perform nora.write_audit('RECOVERY_CODES_MADE', 'user', nora.actor()::text, null, 'user', nora.actor()::text, p_ip, p_correlation, '{}');
end $$;

create function nora.count_recovery_codes() returns int language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$ select count(*)::int from nora.recovery_codes where user_id = nora.actor() $$;

-- For the operator, when somebody has lost passkeys and codes: they sign in with the first factor again. Ends every session.
create function nora.reset_passkeys(p_email text) returns int language plpgsql volatile security definer
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
  delete from nora.second_factors where user_id = uid;
  update nora.sessions set revoked_at = now(), revoked_reason = 'passkeys reset' where user_id = uid and revoked_at is null;
  perform nora.write_audit('PASSKEYS_RESET', 'system', 'system', null, 'user', uid::text, null, null, jsonb_build_object('passkeys', n));
  return n;
end $$;

do $$
declare
  f text;
  for_api text[] := array['step_up(uuid,bytea,bytea,inet,text)',
    'step_up_by_second_factor(uuid,bytea,bytea,uuid,bigint,bytea,inet,text)',
    'start_challenge(uuid,bytea,bytea,text,text,uuid,bytea)', 'take_challenge(uuid,bytea,bytea,text)',
    'add_passkey(uuid,bytea,bytea,bytea,bytea,bigint,text[],text,boolean,inet,text)', 'rename_passkey(uuid,text,inet,text)',
    'remove_passkey(uuid,bytea,uuid,inet,text)', 'replace_recovery_codes(uuid,bytea,bytea[],inet,text)', 'count_recovery_codes()'];
begin
  foreach f in array for_api || array['reset_passkeys(text)'] loop
    execute format('alter function nora.%s owner to nora_definer', f);
    execute format('revoke all on function nora.%s from public', f);
  end loop;
  foreach f in array for_api loop execute format('grant execute on function nora.%s to nora_app', f); end loop;
  grant execute on function nora.reset_passkeys(text) to nora_migrator;
end $$;
