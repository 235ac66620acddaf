-- What the api needs before it has a context: each a named function that does one thing and checks its own proof.
-- SQLSTATEs: NR401 unauthenticated, NR403 forbidden (message is the problem code), NR404 not found, NR409 conflict.

-- Proves a session and enters one workspace (null: the personal one). The caller's role comes from the membership row.
create function nora.enter_session(p_session uuid, p_secret bytea, p_workspace uuid)
  returns table (user_id uuid, workspace_id uuid, role text, platform_role text) language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  s record;
  m record;
begin
  select x.id, x.user_id, x.secret_hash, x.last_seen_at, u.platform_role into s
    from nora.sessions x join nora.users u on u.id = x.user_id
    where x.id = p_session and x.revoked_at is null and x.expires_at > now() and x.idle_expires_at > now() and u.disabled_at is null;
  if not found or s.secret_hash is distinct from sha256(p_secret) then
    raise exception 'session-invalid' using errcode = 'NR401';
  end if;
  if p_workspace is null then
    select w.id as workspace_id, mm.role into m from nora.workspaces w
      join nora.memberships mm on mm.workspace_id = w.id and mm.user_id = s.user_id where w.personal_of = s.user_id;
  else
    select mm.workspace_id, mm.role into m from nora.memberships mm
      where mm.workspace_id = p_workspace and mm.user_id = s.user_id;
  end if;
  if not found then raise exception 'not-found' using errcode = 'NR404'; end if;
  if s.last_seen_at < now() - interval '1 minute' then
    update nora.sessions set last_seen_at = now() where id = s.id;
  end if;
  perform nora.set_context('user', s.user_id, m.workspace_id, m.role, null, null);
  return query select s.user_id, m.workspace_id, m.role, s.platform_role;
end $$;

create function nora.my_workspaces() returns table (id uuid, name text, role text, personal boolean, created_at timestamptz)
  language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select w.id, w.name, m.role, w.personal_of is not null, w.created_at
  from nora.memberships m join nora.workspaces w on w.id = m.workspace_id
  where m.user_id = nora.actor() order by w.personal_of is null, w.created_at, w.id
$$;

create function nora.is_claimed() returns boolean language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$ select claimed_at is not null from nora.installation $$;

create function nora.write_audit(p_type text, p_actor_kind text, p_actor text, p_workspace uuid, p_target_kind text, p_target text,
  p_ip inet, p_correlation text, p_details jsonb) returns void language sql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
  insert into nora.audit_log (event_type, actor_kind, actor_id, workspace_id, target_kind, target_id, ip, correlation_id, details)
  values (p_type, p_actor_kind, p_actor, p_workspace, p_target_kind, p_target, p_ip, p_correlation, p_details)
$$;

-- Creates an account with its personal workspace. The first one claims the server, under a lock, and needs p_setup_ok.
-- 'claimed' | 'created' | 'exists'; NR403 setup-token-required | signup-disabled.
create function nora.sign_up(p_email text, p_name text, p_password_salt text, p_password_verifier bytea, p_setup_ok boolean,
  p_signup_enabled boolean, p_ip inet, p_correlation text) returns text language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  claimed boolean;
  uid uuid;
  wid uuid;
begin
  -- A row's lock, which only this role can take; anybody could hold an advisory one.
  select claimed_at is not null into strict claimed from nora.installation for update;
  if not claimed and p_setup_ok is not true then raise exception 'setup-token-required' using errcode = 'NR403'; end if;
  if claimed and p_signup_enabled is not true then raise exception 'signup-disabled' using errcode = 'NR403'; end if;
  insert into nora.users (email, name, password_salt, password_verifier, platform_role)
    values (p_email, p_name, p_password_salt, p_password_verifier, case when claimed then 'user' else 'admin' end)
    on conflict (lower(email)) do nothing returning id into uid;
  if uid is null then
    -- As much is written as for a new account, so that the time of the answer does not tell the two apart.
    perform nora.write_audit('SIGN_UP_REPEATED', 'anonymous', null, null, 'user', (select id::text from nora.users where lower(email) = lower(p_email)),
      p_ip, p_correlation, '{}');
    return 'exists';
  end if;
  insert into nora.workspaces (name, personal_of) values ('Personal', uid) returning id into wid;
  insert into nora.memberships (workspace_id, user_id, role) values (wid, uid, 'owner');
  if not claimed then
    update nora.installation set claimed_by = uid, claimed_at = now();
  end if;
  perform nora.write_audit(case when claimed then 'USER_CREATED' else 'SERVER_CLAIMED' end, 'user', uid::text, wid, 'user', uid::text,
    p_ip, p_correlation, '{}');
  return case when claimed then 'created' else 'claimed' end;
end $$;

-- Who has this address and how to hash their password; nothing that would sign in as them.
create function nora.login_lookup(p_email text) returns table (user_id uuid, password_salt text)
  language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select id, password_salt from nora.users where lower(email) = lower(p_email)
$$;

-- Opens a session for whoever shows the hash that the stored verifier was made from. No row: refused, and audited; p_user
-- is null for an address without an account, which costs the caller the same time.
create function nora.open_session(p_user uuid, p_password_proof bytea, p_transport text, p_secret_hash bytea, p_refresh_hash bytea, p_idle interval,
  p_absolute interval, p_ip inet, p_user_agent text, p_correlation text)
  returns table (id uuid, email text, name text, platform_role text, created_at timestamptz, expires_at timestamptz)
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  sid uuid;
begin
  insert into nora.sessions (user_id, transport, secret_hash, ip, user_agent, idle_expires_at, expires_at)
    select u.id, p_transport, p_secret_hash, p_ip, left(p_user_agent, 300), now() + p_idle, now() + p_absolute
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

-- Rotates a refresh token. 'rotated' | 'grace' (same successor within 10 s) | 'reuse' (the family is dead) | 'invalid'.
create function nora.rotate_refresh(p_token_hash bytea, p_secret bytea, p_successor_hash bytea, p_idle interval, p_ip inet, p_correlation text)
  returns table (outcome text, session_id uuid, user_id uuid, transport text) language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  t record;
begin
  select r.token_hash, r.successor_hash, r.used_at, s.id, s.user_id, s.transport, s.secret_hash,
      s.revoked_at is null and s.expires_at > now() and s.idle_expires_at > now() and u.disabled_at is null as live
    into t from nora.refresh_tokens r join nora.sessions s on s.id = r.session_id join nora.users u on u.id = s.user_id
    where r.token_hash = p_token_hash for update of r;
  if not found or not t.live or t.secret_hash is distinct from sha256(p_secret) then
    return query select 'invalid', null::uuid, null::uuid, null::text; return;
  end if;
  if t.used_at is null then
    update nora.refresh_tokens set used_at = clock_timestamp(), successor_hash = p_successor_hash where token_hash = p_token_hash;
    insert into nora.refresh_tokens (token_hash, session_id) values (p_successor_hash, t.id);
    update nora.sessions set idle_expires_at = least(now() + p_idle, expires_at), last_seen_at = now() where sessions.id = t.id;
    return query select 'rotated', t.id, t.user_id, t.transport; return;
  end if;
  if t.used_at > clock_timestamp() - interval '10 seconds' and t.successor_hash is not distinct from p_successor_hash then
    return query select 'grace', t.id, t.user_id, t.transport; return;
  end if;
  update nora.sessions set revoked_at = now(), revoked_reason = 'refresh token reused' where sessions.id = t.id;
  perform nora.write_audit('REFRESH_TOKEN_REUSED', 'user', t.user_id::text, null, 'session', t.id::text, p_ip, p_correlation, '{}');
  return query select 'reuse', t.id, t.user_id, t.transport;
end $$;

-- Which live session a refresh token belongs to, without using it up: for signing out when the access token has run out.
create function nora.session_of_refresh(p_token_hash bytea, p_secret bytea) returns uuid language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$
  select s.id from nora.refresh_tokens r join nora.sessions s on s.id = r.session_id join nora.users u on u.id = s.user_id
  where r.token_hash = p_token_hash and s.secret_hash = sha256(p_secret) and s.revoked_at is null and s.expires_at > now()
    and s.idle_expires_at > now() and u.disabled_at is null
$$;

create function nora.my_password_salt() returns text language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$ select password_salt from nora.users where id = nora.actor() $$;

-- For the person in the context, who shows the present password's hash. NR401 invalid-credentials.
create function nora.change_password(p_session uuid, p_old_proof bytea, p_new_salt text, p_new_verifier bytea, p_ip inet,
  p_correlation text) returns int
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare n int;
begin
  update nora.users set password_salt = p_new_salt, password_verifier = p_new_verifier, updated_at = now()
    where id = nora.actor() and password_verifier = sha256(p_old_proof);
  if not found then raise exception 'invalid-credentials' using errcode = 'NR401'; end if;
  update nora.sessions set revoked_at = now(), revoked_reason = 'password changed'
    where user_id = nora.actor() and id <> p_session and revoked_at is null;
  get diagnostics n = row_count;
  perform nora.write_audit('PASSWORD_CHANGED', 'user', nora.actor()::text, null, 'user', nora.actor()::text, p_ip, p_correlation,
    jsonb_build_object('sessionsRevoked', n));
  return n;
end $$;

-- One use, 30 s. The proof is the ticket together with the live session it was minted for.
create function nora.redeem_ticket(p_ticket_hash bytea, p_session uuid, p_secret bytea, p_kind text, p_agent uuid)
  returns table (stream_id uuid, workspace_id uuid, user_id uuid) language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare t record;
begin
  update nora.streams x set redeemed_at = now()
    from nora.sessions s
    where x.ticket_hash = p_ticket_hash and x.redeemed_at is null and x.ticket_expires_at > now() and x.kind = p_kind
      and x.agent_id = p_agent and x.session_id = p_session and s.id = x.session_id and s.secret_hash = sha256(p_secret)
      and s.revoked_at is null and s.expires_at > now() and s.idle_expires_at > now()
    returning x.id, x.workspace_id, x.user_id into t;
  if not found then raise exception 'ticket-invalid' using errcode = 'NR401'; end if;
  perform nora.check_stream(t.id);
  return query select t.id, t.workspace_id, t.user_id;
end $$;

-- Still allowed? Session live, person enabled and still a member, at most 8 hours old.
create function nora.check_stream(p_stream uuid) returns void language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  perform 1 from nora.streams x join nora.sessions s on s.id = x.session_id join nora.users u on u.id = x.user_id
    join nora.memberships m on m.workspace_id = x.workspace_id and m.user_id = x.user_id
    where x.id = p_stream and x.redeemed_at > now() - interval '8 hours' and s.user_id = x.user_id and s.revoked_at is null
      and s.expires_at > now() and s.idle_expires_at > now() and u.disabled_at is null;
  if not found then raise exception 'stream-revoked' using errcode = 'NR403'; end if;
end $$;

create function nora.reset_admin(p_email text, p_password_salt text, p_password_verifier bytea) returns text language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  who record;
begin
  select id, email into who from nora.users where platform_role = 'admin' and (p_email is null or lower(email) = lower(p_email))
    order by created_at limit 1;
  if not found then raise exception 'no such platform admin' using errcode = 'NR404'; end if;
  update nora.users set password_salt = p_password_salt, password_verifier = p_password_verifier, disabled_at = null, updated_at = now()
    where id = who.id;
  update nora.sessions set revoked_at = now(), revoked_reason = 'admin reset' where user_id = who.id and revoked_at is null;
  perform nora.write_audit('ADMIN_RESET', 'system', 'system', null, 'user', who.id::text, null, null, '{}');
  return who.email;
end $$;

do $$
declare f text;
begin
  foreach f in array array['enter_session(uuid,bytea,uuid)', 'my_workspaces()', 'is_claimed()',
    'sign_up(text,text,text,bytea,boolean,boolean,inet,text)', 'login_lookup(text)',
    'open_session(uuid,bytea,text,bytea,bytea,interval,interval,inet,text,text)', 'rotate_refresh(bytea,bytea,bytea,interval,inet,text)',
    'session_of_refresh(bytea,bytea)', 'my_password_salt()', 'change_password(uuid,bytea,text,bytea,inet,text)', 'redeem_ticket(bytea,uuid,bytea,text,uuid)', 'check_stream(uuid)',
    'write_audit(text,text,text,uuid,text,text,inet,text,jsonb)', 'reset_admin(text,text,bytea)'] loop
    execute format('alter function nora.%s owner to nora_definer', f);
    execute format('revoke all on function nora.%s from public', f);
  end loop;
  foreach f in array array['enter_session(uuid,bytea,uuid)', 'my_workspaces()', 'is_claimed()',
    'sign_up(text,text,text,bytea,boolean,boolean,inet,text)', 'login_lookup(text)',
    'open_session(uuid,bytea,text,bytea,bytea,interval,interval,inet,text,text)', 'rotate_refresh(bytea,bytea,bytea,interval,inet,text)',
    'session_of_refresh(bytea,bytea)', 'my_password_salt()', 'change_password(uuid,bytea,text,bytea,inet,text)', 'redeem_ticket(bytea,uuid,bytea,text,uuid)', 'check_stream(uuid)'] loop
    execute format('grant execute on function nora.%s to nora_app', f);
  end loop;
  grant execute on function nora.reset_admin(text,text,bytea) to nora_migrator;
end $$;
