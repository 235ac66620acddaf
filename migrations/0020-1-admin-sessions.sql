-- Sessions of the admin app. They have tables and functions of their own: nothing that takes a console session takes one of
-- these, and the other way round, whatever is replaced later. They rest for 30 minutes and last for 12 hours at the most.

set role nora_owner;

create table nora.admin_sessions (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references nora.users (id) on delete cascade,
  secret_hash bytea not null check (length(secret_hash) = 32),
  ip inet,
  user_agent text check (length(user_agent) <= 300),
  created_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  stepped_up_until timestamptz,
  -- Until it is set, the session of somebody who has a second factor opens nothing.
  second_factor_at timestamptz,
  idle_expires_at timestamptz not null,
  expires_at timestamptz not null,
  revoked_at timestamptz,
  revoked_reason text
);
create index admin_sessions_user on nora.admin_sessions (user_id) where revoked_at is null;
create index admin_sessions_expiry on nora.admin_sessions (expires_at);

create table nora.admin_refresh_tokens (
  token_hash bytea primary key check (length(token_hash) = 32),
  session_id uuid not null references nora.admin_sessions (id) on delete cascade,
  successor_hash bytea check (length(successor_hash) = 32),
  used_at timestamptz,
  created_at timestamptz not null default now()
);
create index admin_refresh_tokens_session on nora.admin_refresh_tokens (session_id);

reset role;

do $$
declare t text;
begin
  foreach t in array array['admin_sessions', 'admin_refresh_tokens'] loop
    execute format('alter table nora.%I enable row level security', t);
    execute format('alter table nora.%I force row level security', t);
    execute format('create policy definer on nora.%I to nora_definer using (true) with check (true)', t);
    execute format('grant select, insert, update, delete on nora.%I to nora_definer', t);
  end loop;
end $$;

-- Whether this person shows more than a password when they sign in as an admin. Nobody can in this version: what lets people
-- enrol a second factor replaces this, and sets admin_sessions.second_factor_at for who has shown it.
create function nora.second_factor_due(p_user uuid) returns boolean language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$ select p_user is null $$;

-- The live session with this secret, of a platform admin who can act; with or without their second factor.
create function nora.admin_session(p_session uuid, p_secret bytea)
  returns table (user_id uuid, stepped_up_until timestamptz, second_factor_due boolean)
  language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select s.user_id, s.stepped_up_until, s.second_factor_at is null and nora.second_factor_due(s.user_id)
  from nora.admin_sessions s join nora.users u on u.id = s.user_id
  where s.id = p_session and s.secret_hash = sha256(p_secret) and s.revoked_at is null and s.expires_at > now()
    and s.idle_expires_at > now() and u.disabled_at is null and u.platform_role = 'admin'
$$;

-- Who acts with this proof. NR401 session-invalid, second-factor-required; NR403 step-up-required.
create function nora.require_admin(p_session uuid, p_secret bytea, p_stepped_up boolean) returns uuid
  language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare s record;
begin
  select * into s from nora.admin_session(p_session, p_secret);
  if not found then perform nora.raise_problem(401, 'session-invalid'); end if;
  if s.second_factor_due then perform nora.raise_problem(401, 'second-factor-required'); end if;
  if p_stepped_up and coalesce(s.stepped_up_until <= clock_timestamp(), true) then
    perform nora.raise_problem(403, 'step-up-required');
  end if;
  return s.user_id;
end $$;

-- The same for each request, before anything is read; it notes that the session is in use.
create function nora.prove_admin(p_session uuid, p_secret bytea) returns uuid
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare who uuid := nora.require_admin(p_session, p_secret, false);
begin
  update nora.admin_sessions set last_seen_at = now() where id = p_session and last_seen_at < now() - interval '1 minute';
  return who;
end $$;

-- What `me` shows, also to somebody who has yet to show a second factor.
create function nora.admin_me(p_session uuid, p_secret bytea)
  returns table (user_id uuid, email text, name text, session_id uuid, created_at timestamptz, expires_at timestamptz,
    stepped_up_until timestamptz, second_factor_due boolean) language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$
  select u.id, u.email, u.name, s.id, s.created_at, s.expires_at, s.stepped_up_until, a.second_factor_due
  from nora.admin_session(p_session, p_secret) a join nora.users u on u.id = a.user_id
  join nora.admin_sessions s on s.id = p_session
$$;

-- Opens a session for a platform admin whose password's hash is shown, as nora.open_session does. Null: refused, and audited.
create function nora.open_admin_session(p_user uuid, p_password_proof bytea, p_secret_hash bytea, p_refresh_hash bytea,
  p_ip inet, p_user_agent text, p_correlation text) returns uuid
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare sid uuid;
begin
  delete from nora.admin_sessions s where s.expires_at < now() - interval '30 days';
  -- Waits for a change of the account that is under way, which would not see a session that is not committed yet.
  perform 1 from nora.users u where u.id = p_user for share;
  insert into nora.admin_sessions (user_id, secret_hash, ip, user_agent, idle_expires_at, expires_at)
    select u.id, p_secret_hash, p_ip, left(p_user_agent, 300), now() + interval '30 minutes', now() + interval '12 hours'
    from nora.users u where u.id = p_user and u.disabled_at is null and u.platform_role = 'admin'
      and u.password_verifier = sha256(p_password_proof)
    returning id into sid;
  if sid is null then
    perform nora.write_audit('SIGN_IN_FAILED', 'anonymous', null, null, 'user', p_user::text, p_ip, p_correlation, '{"as": "admin"}');
    return null;
  end if;
  insert into nora.admin_refresh_tokens (token_hash, session_id) values (p_refresh_hash, sid);
  perform nora.write_audit('SIGNED_IN', 'user', p_user::text, null, 'session', sid::text, p_ip, p_correlation, '{"as": "admin"}');
  return sid;
end $$;

-- Exchanges a refresh token for its successor. 'rotated' | 'grace' (the same successor within 10 s) | 'reuse' (the session is
-- dead) | 'invalid'. The successor's first half is derived with the key of contexts: whoever lost the answer gets the same one
-- again, and nobody else can derive it. A token is written <first half>.<session secret>; its SHA-256 is what is kept.
create function nora.rotate_admin_refresh(p_token_hash bytea, p_secret bytea, p_ip inet, p_correlation text)
  returns table (outcome text, session_id uuid, successor bytea) language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  next bytea := decode(nora.context_mac('admin-refresh|' || encode(p_token_hash, 'hex')), 'hex');
  next_hash bytea := sha256(convert_to(rtrim(translate(encode(next, 'base64'), E'+/\n', '-_'), '=') || '.'
    || rtrim(translate(encode(p_secret, 'base64'), E'+/\n', '-_'), '='), 'UTF8'));
  t record;
  who uuid;
begin
  select r.session_id, r.successor_hash, r.used_at into t from nora.admin_refresh_tokens r
    where r.token_hash = p_token_hash for update;
  if not found or not exists (select 1 from nora.admin_session(t.session_id, p_secret)) then
    return query select 'invalid', null::uuid, null::bytea; return;
  end if;
  if t.used_at is null then
    update nora.admin_refresh_tokens set used_at = clock_timestamp(), successor_hash = next_hash where token_hash = p_token_hash;
    insert into nora.admin_refresh_tokens (token_hash, session_id) values (next_hash, t.session_id);
    update nora.admin_sessions s set idle_expires_at = least(now() + interval '30 minutes', s.expires_at), last_seen_at = now()
      where s.id = t.session_id;
    return query select 'rotated', t.session_id, next; return;
  end if;
  if t.used_at > clock_timestamp() - interval '10 seconds' and t.successor_hash is not distinct from next_hash then
    return query select 'grace', t.session_id, next; return;
  end if;
  update nora.admin_sessions s set revoked_at = now(), revoked_reason = 'refresh token reused' where s.id = t.session_id
    returning s.user_id into who;
  perform nora.write_audit('REFRESH_TOKEN_REUSED', 'user', who::text, null, 'session', t.session_id::text, p_ip, p_correlation,
    '{"as": "admin"}');
  return query select 'reuse', t.session_id, null::bytea;
end $$;

-- For signing out when the access token has run out: which live session a refresh token belongs to.
create function nora.admin_session_of_refresh(p_token_hash bytea, p_secret bytea) returns uuid language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$
  select r.session_id from nora.admin_refresh_tokens r
  where r.token_hash = p_token_hash and exists (select 1 from nora.admin_session(r.session_id, p_secret))
$$;

create function nora.end_admin_session(p_session uuid, p_secret bytea, p_ip inet, p_correlation text) returns void
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare who uuid;
begin
  update nora.admin_sessions s set revoked_at = now(), revoked_reason = 'signed out'
    where s.id = p_session and s.secret_hash = sha256(p_secret) and s.revoked_at is null returning s.user_id into who;
  if not found then return; end if;
  perform nora.write_audit('SIGNED_OUT', 'user', who::text, null, 'session', p_session::text, p_ip, p_correlation, '{"as": "admin"}');
end $$;

-- How the admin's password is hashed; null where there is none, or no such session.
create function nora.admin_password_salt(p_session uuid, p_secret bytea) returns text language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$
  select u.password_salt from nora.admin_session(p_session, p_secret) a join nora.users u on u.id = a.user_id
$$;

-- For ten minutes this session may change things, if the hash is the password's. Null: refused, and audited.
create function nora.step_up_admin(p_session uuid, p_secret bytea, p_password_proof bytea, p_ip inet, p_correlation text)
  returns timestamptz language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  who uuid := nora.require_admin(p_session, p_secret, false);
  ends timestamptz;
begin
  update nora.admin_sessions s set stepped_up_until = least(now() + interval '10 minutes', s.expires_at)
    from nora.users u where s.id = p_session and u.id = who and u.password_verifier = sha256(p_password_proof)
    returning s.stepped_up_until into ends;
  perform nora.write_audit(case when ends is null then 'STEP_UP_REFUSED' else 'STEPPED_UP' end, 'user', who::text, null, 'session',
    p_session::text, p_ip, p_correlation, '{"as": "admin"}');
  return ends;
end $$;

-- Whoever is disabled, is an admin no more or has a new password has no admin session left, whichever function did that.
create function nora.end_admin_sessions() returns trigger language plpgsql security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  update nora.admin_sessions s set revoked_at = now(), revoked_reason = 'the account changed'
    where s.user_id = new.id and s.revoked_at is null;
  return null;
end $$;
create trigger end_admin_sessions after update of password_verifier, disabled_at, platform_role on nora.users for each row
  when (new.password_verifier is distinct from old.password_verifier or new.platform_role <> old.platform_role
    or (new.disabled_at is not null and old.disabled_at is null))
  execute function nora.end_admin_sessions();

do $$
declare f text;
begin
  foreach f in array array['second_factor_due(uuid)', 'admin_session(uuid,bytea)', 'require_admin(uuid,bytea,boolean)',
    'end_admin_sessions()', 'prove_admin(uuid,bytea)', 'admin_me(uuid,bytea)',
    'open_admin_session(uuid,bytea,bytea,bytea,inet,text,text)', 'rotate_admin_refresh(bytea,bytea,inet,text)',
    'admin_session_of_refresh(bytea,bytea)', 'end_admin_session(uuid,bytea,inet,text)', 'admin_password_salt(uuid,bytea)',
    'step_up_admin(uuid,bytea,bytea,inet,text)'] loop
    execute format('alter function nora.%s owner to nora_definer', f);
    execute format('revoke all on function nora.%s from public', f);
  end loop;
  foreach f in array array['prove_admin(uuid,bytea)', 'admin_me(uuid,bytea)',
    'open_admin_session(uuid,bytea,bytea,bytea,inet,text,text)', 'rotate_admin_refresh(bytea,bytea,inet,text)',
    'admin_session_of_refresh(bytea,bytea)', 'end_admin_session(uuid,bytea,inet,text)', 'admin_password_salt(uuid,bytea)',
    'step_up_admin(uuid,bytea,bytea,inet,text)'] loop
    execute format('grant execute on function nora.%s to nora_app', f);
  end loop;
end $$;
