-- Accounts of sign-in providers (OAuth 2.0, OpenID Connect) that stand for accounts of ours. An identity is an issuer's subject,
-- never an address. What the api says of a provider's answer is believed only together with a proof that is in no table: a
-- statement smuggled into its connection signs in as nobody this way either. SQLSTATEs as in 0005.

set role nora_owner;
-- SHA-256 of what the api derives from a secret of its own. The first one is taken; another one after nora.forget_api_proof().
create table nora.api_proof (
  singleton boolean primary key default true check (singleton),
  verifier bytea not null check (length(verifier) = 32)
);

create table nora.identities (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references nora.users (id) on delete cascade,
  provider text not null check (provider ~ '^[a-z][a-z0-9-]{0,31}$'),
  issuer text not null check (length(issuer) between 8 and 500),
  subject text not null check (length(subject) between 1 and 255),
  -- As the provider named it last; for people to read, and for nothing else.
  email text check (length(email) <= 254),
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  unique (issuer, subject)
);
create index identities_user on nora.identities (user_id);

-- A round trip to a provider that somebody began: one use, ten minutes, known by the hash of what their browser holds.
create table nora.sign_in_flows (
  flow_hash bytea primary key check (length(flow_hash) = 32),
  provider text not null,
  purpose text not null check (purpose in ('sign-in', 'link', 'step-up')),
  -- Who links or steps up; nobody yet who signs in.
  session_id uuid references nora.sessions (id) on delete cascade,
  return_path text not null check (return_path ~ '^/([^/\\]|$)' and length(return_path) <= 500),
  started_at timestamptz not null default now(),
  taken_at timestamptz,
  check ((purpose = 'sign-in') = (session_id is null))
);
create index sign_in_flows_started on nora.sign_in_flows (started_at);
create index sign_in_flows_session on nora.sign_in_flows (session_id);
reset role;

do $$
declare t text;
begin
  foreach t in array array['api_proof', 'identities', 'sign_in_flows'] loop
    execute format('alter table nora.%I enable row level security', t);
    execute format('alter table nora.%I force row level security', t);
    execute format('create policy definer on nora.%I to nora_definer using (true) with check (true)', t);
    execute format('grant select, insert, update, delete on nora.%I to nora_definer', t);
  end loop;
end $$;
grant select (id, user_id, provider, issuer, email, created_at, last_used_at) on nora.identities to nora_app;
create policy app_select on nora.identities for select to nora_app
  using ((select nora.actor_kind()) = 'user' and user_id = (select nora.actor()));

-- Takes the first proof there ever is; says whether this is the one.
create function nora.enrol_api(p_proof bytea) returns boolean language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  if length(p_proof) is distinct from 32 then return false; end if;
  insert into nora.api_proof (verifier) values (sha256(p_proof)) on conflict do nothing;
  return exists (select 1 from nora.api_proof where verifier = sha256(p_proof));
end $$;

-- For the operator who gave the api another secret: the next start's proof is taken.
create function nora.forget_api_proof() returns void language sql volatile security definer
  set search_path = pg_catalog, pg_temp as $$ delete from nora.api_proof $$;

create function nora.require_api(p_proof bytea) returns void language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  perform 1 from nora.api_proof where verifier = sha256(p_proof);
  if not found then perform nora.raise_problem(403, 'forbidden'); end if;
end $$;

-- What this account steps up with instead of its provider: the code of a refusal, or null.
create function nora.other_step_up(p_user uuid) returns text language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$
  select 'password-required' from nora.users u where u.id = p_user and u.password_verifier is not null
$$;

-- Whether this account shows something more than its provider's word before it gets a session; it is then asked for it under this
-- token. Nobody does yet: a later migration replaces this.
create function nora.asks_more(p_token_hash bytea, p_user uuid, p_provider text, p_ip inet, p_correlation text) returns boolean
  language sql volatile security definer set search_path = pg_catalog, pg_temp as $$ select false $$;

-- Begins a round trip. To sign in needs nobody; to link needs a step-up of the session named by its proof; to step up, an account
-- that has no password to show instead.
create function nora.start_flow(p_flow_hash bytea, p_provider text, p_purpose text, p_return_path text, p_session uuid,
  p_secret bytea) returns void language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if p_purpose = 'link' then perform nora.require_step_up(p_session, p_secret); end if;
  if p_purpose = 'step-up' then
    perform 1 from nora.sessions s where s.id = p_session and s.user_id = nora.actor() and s.secret_hash = sha256(p_secret)
      and s.revoked_at is null;
    if not found then perform nora.raise_problem(401, 'unauthenticated'); end if;
    if nora.other_step_up(nora.actor()) is not null then perform nora.raise_problem(403, nora.other_step_up(nora.actor())); end if;
  end if;
  delete from nora.sign_in_flows where flow_hash in (select f.flow_hash from nora.sign_in_flows f
    where f.started_at < now() - interval '15 minutes' order by f.started_at limit 100 for update skip locked);
  insert into nora.sign_in_flows (flow_hash, provider, purpose, session_id, return_path)
    values (p_flow_hash, p_provider, p_purpose, case when p_purpose = 'sign-in' then null else p_session end, p_return_path);
end $$;

-- The browser is back: from now on the flow can be finished, and not be taken again. At another provider's address it is spent.
create function nora.take_flow(p_flow bytea, p_provider text) returns table (purpose text, return_path text)
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  f record;
begin
  update nora.sign_in_flows x set taken_at = now() where x.flow_hash = sha256(p_flow) and x.taken_at is null
    returning x.purpose, x.return_path, x.provider, x.started_at into f;
  if not found or f.provider is distinct from p_provider or f.started_at < now() - interval '10 minutes' then return; end if;
  return query select f.purpose, f.return_path;
end $$;

-- Ends a taken flow; whoever finishes it shows what the browser holds, and the api its proof.
create function nora.finish_flow(p_flow bytea, p_api_proof bytea, p_provider text, p_purpose text,
  out session_id uuid, out started_at timestamptz) language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  perform nora.require_api(p_api_proof);
  delete from nora.sign_in_flows f where f.flow_hash = sha256(p_flow) and f.provider = p_provider and f.purpose = p_purpose
      and f.taken_at > now() - interval '2 minutes' and f.started_at > now() - interval '12 minutes'
    returning f.session_id, f.started_at into session_id, started_at;
  if started_at is null then perform nora.raise_problem(400, 'oauth-flow-invalid'); end if;
end $$;

-- Opens a session whose way in has been judged already. p_fresh: an account made this moment has nothing to protect yet, so its
-- first session may set a password, or add a passkey, although a provider may know no way to ask again.
create function nora.insert_session(p_user uuid, p_fresh boolean, p_transport text, p_secret_hash bytea, p_refresh_hash bytea,
  p_idle interval, p_absolute interval, p_ip inet, p_user_agent text, p_correlation text, p_details jsonb) returns uuid
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  sid uuid;
begin
  insert into nora.sessions (user_id, transport, secret_hash, ip, user_agent, idle_expires_at, expires_at, stepped_up_until)
    values (p_user, p_transport, p_secret_hash, p_ip, left(p_user_agent, 300), now() + p_idle, now() + p_absolute,
      case when p_fresh then now() + interval '10 minutes' end)
    returning id into sid;
  insert into nora.refresh_tokens (token_hash, session_id) values (p_refresh_hash, sid);
  perform nora.write_audit('SIGNED_IN', 'user', p_user::text, null, 'session', sid::text, p_ip, p_correlation,
    jsonb_build_object('transport', p_transport) || p_details);
  return sid;
end $$;

-- Signs in whom the identity stands for, or makes them an account where sign-up is open. An account with the same address is
-- left alone: its owner signs in and links. Never claims the server. outcome: 'signed-in' | 'created' | 'second-factor-required', under
-- p_token_hash | the code of a refusal.
create function nora.sign_in_by_identity(p_flow bytea, p_api_proof bytea, p_provider text, p_issuer text, p_subject text, p_email text,
  p_name text, p_signup_enabled boolean, p_token_hash bytea, p_secret_hash bytea, p_refresh_hash bytea, p_idle interval,
  p_absolute interval, p_ip inet, p_user_agent text, p_correlation text)
  returns table (outcome text, session_id uuid, user_id uuid) language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  claimed boolean;
  wid uuid;
  details jsonb := jsonb_build_object('provider', p_provider);
  disabled timestamptz;
begin
  perform nora.finish_flow(p_flow, p_api_proof, p_provider, 'sign-in');
  for pass in 1..2 loop
    update nora.identities i set last_used_at = now(), email = coalesce(p_email, i.email), provider = p_provider
      from nora.users u where i.issuer = p_issuer and i.subject = p_subject and u.id = i.user_id
      returning i.user_id, u.disabled_at into user_id, disabled;
    exit when user_id is not null or pass = 2;
    -- One at a time with every sign-up, then look again: two first sign-ins of one person make one account.
    select i.claimed_at is not null into strict claimed from nora.installation i for no key update;
  end loop;
  outcome := case
    when user_id is not null then case when disabled is null then 'signed-in' else 'account-disabled' end
    when not claimed then 'setup-token-required'
    when p_email is null then 'identity-email-missing'
    when exists (select 1 from nora.users u where lower(u.email) = lower(p_email)) then 'identity-not-linked'
    when p_signup_enabled is not true then 'signup-disabled'
    else 'created' end;
  if outcome = 'created' then
    insert into nora.users (email, name) values (p_email, left(p_name, 100)) returning id into user_id;
    insert into nora.workspaces (name, personal_of) values ('Personal', user_id) returning id into wid;
    insert into nora.memberships (workspace_id, user_id, role) values (wid, user_id, 'owner');
    insert into nora.identities (user_id, provider, issuer, subject, email, last_used_at)
      values (user_id, p_provider, p_issuer, p_subject, p_email, now());
    perform nora.write_audit('USER_CREATED', 'user', user_id::text, wid, 'user', user_id::text, p_ip, p_correlation, details);
  elsif outcome <> 'signed-in' then
    perform nora.write_audit('SIGN_IN_FAILED', 'anonymous', null, null, 'user', user_id::text, p_ip, p_correlation,
      details || jsonb_build_object('reason', outcome));
    user_id := null;
    return next;
    return;
  elsif nora.asks_more(p_token_hash, user_id, p_provider, p_ip, p_correlation) then
    outcome := 'second-factor-required';
    return next;
    return;
  end if;
  session_id := nora.insert_session(user_id, outcome = 'created', 'cookie', p_secret_hash, p_refresh_hash, p_idle, p_absolute, p_ip,
    p_user_agent, p_correlation, details);
  return next;
end $$;

-- Adds an identity to the account whose stepped-up session began the flow. 'linked' | 'identity-taken'; linking again is linking once.
create function nora.link_identity(p_flow bytea, p_api_proof bytea, p_provider text, p_issuer text, p_subject text, p_email text,
  p_ip inet, p_correlation text) returns text language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  sid uuid;
  uid uuid;
  owner uuid;
  iid uuid;
  details jsonb := jsonb_build_object('provider', p_provider, 'issuer', p_issuer);
begin
  select f.session_id into sid from nora.finish_flow(p_flow, p_api_proof, p_provider, 'link') f;
  select s.user_id into uid from nora.sessions s join nora.users u on u.id = s.user_id and u.disabled_at is null
    where s.id = sid and s.revoked_at is null and s.expires_at > now() and s.stepped_up_until > clock_timestamp()
    for no key update of u;
  if uid is null then perform nora.raise_problem(403, 'step-up-required'); end if;
  insert into nora.identities (user_id, provider, issuer, subject, email) values (uid, p_provider, p_issuer, p_subject, p_email)
    on conflict (issuer, subject) do nothing returning id into iid;
  if iid is null then
    select i.user_id into owner from nora.identities i where i.issuer = p_issuer and i.subject = p_subject;
    if owner is not distinct from uid then return 'linked'; end if;
    perform nora.write_audit('IDENTITY_LINK_REFUSED', 'user', uid::text, null, 'user', uid::text, p_ip, p_correlation, details);
    return 'identity-taken';
  end if;
  if (select count(*) from nora.identities i where i.user_id = uid) > 10 then perform nora.raise_problem(422, 'identity-limit'); end if;
  perform nora.write_audit('IDENTITY_LINKED', 'user', uid::text, null, 'identity', iid::text, p_ip, p_correlation, details);
  return 'linked';
end $$;

-- A step-up by signing in again at the provider, for an account without a password: the sign-in there must be younger than
-- the flow (with 30 s for clocks that differ). 'stepped-up' | the code of a refusal.
create function nora.step_up_by_identity(p_flow bytea, p_api_proof bytea, p_provider text, p_issuer text, p_subject text,
  p_auth_time timestamptz, p_ip inet, p_correlation text) returns text language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  f record;
  uid uuid;
  refused text;
begin
  select * into f from nora.finish_flow(p_flow, p_api_proof, p_provider, 'step-up');
  select s.user_id into uid from nora.sessions s join nora.users u on u.id = s.user_id and u.disabled_at is null
    where s.id = f.session_id and s.revoked_at is null and s.expires_at > now() and s.idle_expires_at > now();
  if uid is null then perform nora.raise_problem(401, 'unauthenticated'); end if;
  refused := case
    when nora.other_step_up(uid) is not null then nora.other_step_up(uid)
    when not exists (select 1 from nora.identities i where i.user_id = uid and i.issuer = p_issuer and i.subject = p_subject)
      then 'identity-not-yours'
    when p_auth_time is null or p_auth_time < f.started_at - interval '30 seconds' then 'reauthentication-stale' end;
  if refused is null then
    update nora.sessions s set stepped_up_until = least(now() + interval '10 minutes', s.expires_at) where s.id = f.session_id;
  end if;
  perform nora.write_audit(case when refused is null then 'STEPPED_UP' else 'STEP_UP_REFUSED' end, 'user', uid::text, null, 'session',
    f.session_id::text, p_ip, p_correlation, jsonb_strip_nulls(jsonb_build_object('provider', p_provider, 'reason', refused)));
  return coalesce(refused, 'stepped-up');
end $$;

-- Takes an identity off the caller's account. NR404; NR409 last-sign-in-way when nothing would be left to sign in with.
create function nora.unlink_identity(p_session uuid, p_secret bytea, p_identity uuid, p_ip inet, p_correlation text) returns void
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  gone record;
  has_password boolean;
begin
  perform nora.require_step_up(p_session, p_secret);
  select u.password_verifier is not null into has_password from nora.users u where u.id = nora.actor() for no key update;
  delete from nora.identities i where i.id = p_identity and i.user_id = nora.actor() returning i.provider, i.issuer into gone;
  if not found then perform nora.raise_problem(404, 'not-found'); end if;
  if not has_password and not exists (select 1 from nora.identities i where i.user_id = nora.actor()) then
    perform nora.raise_problem(409, 'last-sign-in-way');
  end if;
  perform nora.write_audit('IDENTITY_UNLINKED', 'user', nora.actor()::text, null, 'identity', p_identity::text, p_ip, p_correlation,
    jsonb_build_object('provider', gone.provider, 'issuer', gone.issuer));
end $$;

-- The first password of an account that a provider made. NR409 password-set-already.
create function nora.set_first_password(p_session uuid, p_secret bytea, p_salt text, p_verifier bytea, p_ip inet, p_correlation text)
  returns void language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform nora.require_step_up(p_session, p_secret);
  update nora.users set password_salt = p_salt, password_verifier = p_verifier, updated_at = now()
    where id = nora.actor() and password_verifier is null;
  if not found then perform nora.raise_problem(409, 'password-set-already'); end if;
  perform nora.write_audit('PASSWORD_SET', 'user', nora.actor()::text, null, 'user', nora.actor()::text, p_ip, p_correlation, '{}');
end $$;

do $$
declare
  f text;
  inner_ones text[] := array['require_api(bytea)', 'other_step_up(uuid)', 'asks_more(bytea,uuid,text,inet,text)', 'finish_flow(bytea,bytea,text,text)',
    'insert_session(uuid,boolean,text,bytea,bytea,interval,interval,inet,text,text,jsonb)'];
  for_api text[] := array['enrol_api(bytea)', 'start_flow(bytea,text,text,text,uuid,bytea)', 'take_flow(bytea,text)',
    'sign_in_by_identity(bytea,bytea,text,text,text,text,text,boolean,bytea,bytea,bytea,interval,interval,inet,text,text)',
    'link_identity(bytea,bytea,text,text,text,text,inet,text)',
    'step_up_by_identity(bytea,bytea,text,text,text,timestamptz,inet,text)', 'unlink_identity(uuid,bytea,uuid,inet,text)',
    'set_first_password(uuid,bytea,text,bytea,inet,text)'];
begin
  foreach f in array inner_ones || for_api || array['forget_api_proof()'] loop
    execute format('alter function nora.%s owner to nora_definer', f);
    execute format('revoke all on function nora.%s from public', f);
  end loop;
  foreach f in array for_api loop execute format('grant execute on function nora.%s to nora_app', f); end loop;
  grant execute on function nora.forget_api_proof() to nora_migrator;
end $$;
