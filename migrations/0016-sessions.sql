-- Sessions: what a refresh gives does not depend on JWT_SECRET, no sign-in slips past a change of the password, and a session
-- remembers when its person last proved to be there.

set role nora_owner;
-- When the password was shown last in this session, at sign-in; a step-up has a column of its own. Null where the session was
-- opened by something that may have been done long before.
alter table nora.sessions add column proven_at timestamptz;
reset role;

-- As in 0005, and it waits for a change of the password or of the account that is under way: a session that was opened by the
-- password before, but not committed yet, would not be seen by that change and outlive it.
create or replace function nora.open_session(p_user uuid, p_password_proof bytea, p_transport text, p_secret_hash bytea, p_refresh_hash bytea,
  p_idle interval, p_absolute interval, p_ip inet, p_user_agent text, p_correlation text)
  returns table (id uuid, email text, name text, platform_role text, created_at timestamptz, expires_at timestamptz)
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  sid uuid;
begin
  perform 1 from nora.users u where u.id = p_user for share;
  insert into nora.sessions (user_id, transport, secret_hash, ip, user_agent, idle_expires_at, expires_at, proven_at)
    select u.id, p_transport, p_secret_hash, p_ip, left(p_user_agent, 300), now() + p_idle, now() + p_absolute, now()
    from nora.users u where u.id = p_user and u.disabled_at is null and u.password_verifier = sha256(p_password_proof)
    returning sessions.id into sid;
  if sid is null then
    perform nora.write_audit('SIGN_IN_FAILED', 'anonymous', null, null, 'user', p_user::text, p_ip, p_correlation, '{}');
    return;
  end if;
  insert into nora.refresh_tokens (token_hash, session_id) values (p_refresh_hash, sid);
  perform nora.write_audit('SIGNED_IN', 'user', p_user::text, null, 'session', sid::text, p_ip, p_correlation,
    jsonb_build_object('transport', p_transport));
  return query select s.id, u.email, u.name, u.platform_role, s.created_at, s.expires_at
    from nora.sessions s join nora.users u on u.id = s.user_id where s.id = sid;
end $$;

create function nora.base64url(p_bytes bytea) returns text language sql immutable
  set search_path = pg_catalog, pg_temp as $$ select rtrim(translate(encode(p_bytes, 'base64'), E'+/\n', '-_'), '=') $$;

-- The first half of a refresh token's one successor. Derived, so that whoever lost the answer gets the same one again; with
-- the key of contexts, so that a thief of the token cannot derive it, and so that processes that sign with different
-- JWT_SECRETs give the same. What contexts are made of has nine parts and never begins like this.
create function nora.refresh_successor(p_token_hash bytea) returns bytea language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$
  select decode(nora.context_mac('refresh-successor|' || encode(p_token_hash, 'hex')), 'hex')
$$;

-- Exchanges a refresh token for its successor. 'rotated' | 'grace' (the same successor within 10 s) | 'reuse' (the family is
-- dead) | 'invalid'. Follows rotate_refresh of 0005, which serves processes of the version before.
create function nora.refresh_session(p_token_hash bytea, p_secret bytea, p_idle interval, p_ip inet, p_correlation text)
  returns table (outcome text, session_id uuid, user_id uuid, transport text, successor bytea)
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  next bytea := nora.refresh_successor(p_token_hash);
  -- A token is written <first half>.<session secret>, and its SHA-256 is what is kept.
  next_hash bytea := sha256(convert_to(nora.base64url(next) || '.' || nora.base64url(p_secret), 'UTF8'));
  r record;
begin
  select x.outcome, x.session_id, x.user_id, x.transport into r
    from nora.rotate_refresh(p_token_hash, p_secret, next_hash, p_idle, p_ip, p_correlation) x;
  return query select r.outcome, r.session_id, r.user_id, r.transport, case when r.outcome in ('rotated', 'grace') then next end;
end $$;

-- For what a stolen session must not do by itself: the password was shown in this session within ten minutes, at sign-in or
-- by a step-up. The session is named by its proof. NR403 step-up-required.
create function nora.require_recent_proof(p_session uuid, p_secret bytea) returns void language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  perform 1 from nora.sessions s where s.id = p_session and s.secret_hash = sha256(p_secret) and s.revoked_at is null
    and (s.stepped_up_until > clock_timestamp() or s.proven_at > clock_timestamp() - interval '10 minutes');
  if not found then perform nora.raise_problem(403, 'step-up-required'); end if;
end $$;

-- Somebody tried to sign up without passing the CAPTCHA. p_details says why, in our words; nothing of the caller's.
create function nora.report_captcha_failure(p_ip inet, p_correlation text, p_details jsonb) returns void
  language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select nora.write_audit('CAPTCHA_FAILED', 'anonymous', null, null, 'route', 'POST /api/auth/signup', p_ip, p_correlation, p_details)
$$;

-- Events about a person's account, which are theirs alone to read. A later migration that adds one replaces this function.
create function nora.is_personal_event(p_type text) returns boolean language sql immutable
  set search_path = pg_catalog, pg_temp as $$
  select p_type in ('SIGNED_IN', 'SIGN_IN_FAILED', 'SIGN_IN_SLOWED', 'SIGNED_OUT', 'SIGN_UP_REPEATED', 'SESSION_REVOKED',
    'SESSIONS_REVOKED', 'STEPPED_UP', 'STEP_UP_REFUSED', 'REFRESH_TOKEN_REUSED', 'PASSWORD_CHANGED', 'PASSWORD_CHANGE_REFUSED',
    'ADMIN_RESET', 'ADMIN_READ')
$$;
drop policy app_select on nora.audit_log;
create policy app_select on nora.audit_log for select to nora_app
  using (workspace_id = (select nora.workspace()) and (select nora.role()) in ('admin', 'owner')
    and (not nora.is_personal_event(event_type)
      or actor_id = (select nora.actor())::text or target_id = (select nora.actor())::text));

do $$
declare f text;
begin
  foreach f in array array['base64url(bytea)', 'refresh_successor(bytea)', 'refresh_session(bytea,bytea,interval,inet,text)',
    'require_recent_proof(uuid,bytea)', 'report_captcha_failure(inet,text,jsonb)', 'is_personal_event(text)'] loop
    execute format('alter function nora.%s owner to nora_definer', f);
    execute format('revoke all on function nora.%s from public', f);
  end loop;
  foreach f in array array['refresh_session(bytea,bytea,interval,inet,text)', 'require_recent_proof(uuid,bytea)',
    'report_captcha_failure(inet,text,jsonb)', 'is_personal_event(text)'] loop
    execute format('grant execute on function nora.%s to nora_app', f);
  end loop;
end $$;
