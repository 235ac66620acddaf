-- Passkeys (WebAuthn) as the second factor of a sign-in and as the step-up of whoever has one, and recovery codes for whoever
-- lost theirs. Postgres cannot judge a signature: the api does, and shows its proof (0017). What Postgres sees to: whoever has a
-- passkey gets no session without a second factor, by no function; each challenge, token and code works once; a counter that
-- goes back is refused.

set role nora_owner;
create table nora.passkeys (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references nora.users (id) on delete cascade,
  credential_id bytea not null unique check (length(credential_id) between 16 and 1023),
  -- COSE_Key (RFC 9052).
  public_key bytea not null check (length(public_key) between 16 and 1000),
  counter bigint not null check (counter between 0 and 4294967295),
  transports text[] not null default '{}' check (cardinality(transports) <= 10),
  label text not null check (length(label) between 1 and 100),
  -- Synced between its person's devices.
  backed_up boolean not null,
  created_at timestamptz not null default now(),
  last_used_at timestamptz
);
create index passkeys_user on nora.passkeys (user_id);

-- What an authenticator is asked to sign by somebody who is signed in: one use, five minutes, for this session and purpose.
create table nora.passkey_challenges (
  challenge_hash bytea primary key check (length(challenge_hash) = 32),
  session_id uuid not null references nora.sessions (id) on delete cascade,
  purpose text not null check (purpose in ('register', 'step-up', 'action')),
  -- Of an action: what, on what, and the random part of its challenge.
  action text check (length(action) <= 40),
  target_id uuid,
  nonce bytea check (length(nonce) = 32),
  created_at timestamptz not null default now(),
  check ((purpose = 'action') = (action is not null and target_id is not null and nonce is not null))
);
create index passkey_challenges_session on nora.passkey_challenges (session_id);
create index passkey_challenges_created on nora.passkey_challenges (created_at);

-- A sign-in that has shown the first factor: one use, five minutes. The challenge is derived from the token, which is nowhere.
create table nora.second_factors (
  token_hash bytea primary key check (length(token_hash) = 32),
  user_id uuid not null references nora.users (id) on delete cascade,
  transport text not null check (transport in ('cookie', 'bearer')),
  provider text,
  created_at timestamptz not null default now(),
  taken_at timestamptz
);
create index second_factors_user on nora.second_factors (user_id);
create index second_factors_created on nora.second_factors (created_at);

-- SHA-256 of 80 random bits each: nothing that could be searched for. A used one is gone.
create table nora.recovery_codes (
  code_hash bytea primary key check (length(code_hash) = 32),
  user_id uuid not null references nora.users (id) on delete cascade,
  created_at timestamptz not null default now()
);
create index recovery_codes_user on nora.recovery_codes (user_id);

-- What was shown besides the first factor, by the one function below that opens such sessions.
alter table nora.sessions add column second_factor text check (second_factor in ('passkey', 'recovery-code'));
reset role;

do $$
declare t text;
begin
  foreach t in array array['passkeys', 'passkey_challenges', 'second_factors', 'recovery_codes'] loop
    execute format('alter table nora.%I enable row level security', t);
    execute format('alter table nora.%I force row level security', t);
    execute format('create policy definer on nora.%I to nora_definer using (true) with check (true)', t);
    execute format('grant select, insert, update, delete on nora.%I to nora_definer', t);
  end loop;
end $$;
grant select (id, user_id, credential_id, public_key, transports, label, backed_up, created_at, last_used_at) on nora.passkeys to nora_app;
create policy app_select on nora.passkeys for select to nora_app
  using ((select nora.actor_kind()) = 'user' and user_id = (select nora.actor()));

create function nora.has_passkeys(p_user uuid) returns boolean language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$ select exists (select 1 from nora.passkeys where user_id = p_user) $$;

-- Whichever function opens a session: for whoever has a passkey it needs a second factor.
create function nora.demand_second_factor() returns trigger language plpgsql security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  if new.second_factor is null and nora.has_passkeys(new.user_id) then
    perform nora.raise_problem(403, 'second-factor-required');
  end if;
  return new;
end $$;
alter function nora.has_passkeys(uuid) owner to nora_definer;
alter function nora.demand_second_factor() owner to nora_definer;
grant execute on function nora.demand_second_factor() to nora_owner;
set role nora_owner;
create trigger demand_second_factor before insert on nora.sessions for each row execute function nora.demand_second_factor();
reset role;

create function nora.ask_second_factor(p_token_hash bytea, p_user uuid, p_transport text, p_provider text, p_ip inet, p_correlation text)
  returns void language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  delete from nora.second_factors where token_hash in (select f.token_hash from nora.second_factors f
    where f.created_at < now() - interval '10 minutes' order by f.created_at limit 100 for update skip locked);
  insert into nora.second_factors (token_hash, user_id, transport, provider) values (p_token_hash, p_user, p_transport, p_provider);
  perform nora.write_audit('SECOND_FACTOR_REQUIRED', 'user', p_user::text, null, 'user', p_user::text, p_ip, p_correlation,
    jsonb_strip_nulls(jsonb_build_object('provider', p_provider)));
end $$;

-- nora.open_session for who has no passkey; who has one, and showed the right password, is asked for it: second_factor.
create function nora.sign_in(p_user uuid, p_password_proof bytea, p_transport text, p_secret_hash bytea, p_refresh_hash bytea,
  p_idle interval, p_absolute interval, p_ip inet, p_user_agent text, p_correlation text, p_token_hash bytea)
  returns table (id uuid, email text, name text, platform_role text, second_factor boolean)
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if nora.has_passkeys(p_user) and exists (select 1 from nora.users u
      where u.id = p_user and u.disabled_at is null and u.password_verifier = sha256(p_password_proof)) then
    perform nora.ask_second_factor(p_token_hash, p_user, p_transport, null, p_ip, p_correlation);
    second_factor := true;
    return next;
    return;
  end if;
  return query select o.id, o.email, o.name, o.platform_role, false from nora.open_session(p_user, p_password_proof, p_transport,
    p_secret_hash, p_refresh_hash, p_idle, p_absolute, p_ip, p_user_agent, p_correlation) o;
end $$;

-- The passkeys that would do as second factor; with p_take the token is used up, and must be finished within two minutes.
create function nora.second_factor_passkeys(p_token bytea, p_take boolean)
  returns table (id uuid, credential_id bytea, public_key bytea, transports text[]) language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  uid uuid;
begin
  if p_take then
    update nora.second_factors f set taken_at = now() where f.token_hash = sha256(p_token) and f.taken_at is null
      and f.created_at > now() - interval '5 minutes' returning f.user_id into uid;
  else
    select f.user_id into uid from nora.second_factors f where f.token_hash = sha256(p_token) and f.taken_at is null
      and f.created_at > now() - interval '5 minutes';
  end if;
  if uid is null then perform nora.raise_problem(401, 'second-factor-invalid'); end if;
  return query select p.id, p.credential_id, p.public_key, p.transports from nora.passkeys p where p.user_id = uid order by p.created_at;
end $$;

-- Notes the use of a passkey whose signature the api has checked; false, and audited, when its counter has gone back: there is
-- a copy of it (WebAuthn 6.1.1).
create function nora.use_passkey(p_user uuid, p_passkey uuid, p_counter bigint, p_ip inet, p_correlation text) returns boolean
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  update nora.passkeys p set counter = p_counter, last_used_at = now() where p.id = p_passkey and p.user_id = p_user
    and (p_counter > p.counter or (p_counter = 0 and p.counter = 0));
  if found then return true; end if;
  perform nora.write_audit('PASSKEY_COUNTER_WENT_BACK', 'user', p_user::text, null, 'passkey', p.id::text, p_ip, p_correlation,
    jsonb_build_object('stored', p.counter, 'shown', p_counter)) from nora.passkeys p where p.id = p_passkey and p.user_id = p_user;
  return false;
end $$;

-- Uses up a recovery code of this person's.
create function nora.use_recovery_code(p_user uuid, p_code_hash bytea, p_ip inet, p_correlation text) returns boolean
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  delete from nora.recovery_codes c where c.code_hash = p_code_hash and c.user_id = p_user;
  if not found then return false; end if;
  perform nora.write_audit('RECOVERY_CODE_USED', 'user', p_user::text, null, 'user', p_user::text, p_ip, p_correlation,
    jsonb_build_object('left', (select count(*) from nora.recovery_codes c where c.user_id = p_user)));
  return true;
end $$;

-- As nora.insert_session (0017), for who has shown a second factor.
create function nora.insert_second_session(p_user uuid, p_second_factor text, p_transport text, p_secret_hash bytea, p_refresh_hash bytea,
  p_idle interval, p_absolute interval, p_ip inet, p_user_agent text, p_correlation text, p_details jsonb)
  returns uuid language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  sid uuid;
begin
  perform 1 from nora.users u where u.id = p_user and u.disabled_at is null for share;
  if not found then perform nora.raise_problem(403, 'account-disabled'); end if;
  insert into nora.sessions (user_id, transport, secret_hash, ip, user_agent, idle_expires_at, expires_at, second_factor)
    values (p_user, p_transport, p_secret_hash, p_ip, left(p_user_agent, 300), now() + p_idle, now() + p_absolute, p_second_factor)
    returning id into sid;
  insert into nora.refresh_tokens (token_hash, session_id) values (p_refresh_hash, sid);
  perform nora.write_audit('SIGNED_IN', 'user', p_user::text, null, 'session', sid::text, p_ip, p_correlation,
    jsonb_build_object('transport', p_transport, 'secondFactor', p_second_factor) || p_details);
  return sid;
end $$;

-- Ends a taken token with a session. Either a passkey, by the api's word, or a recovery code, which Postgres knows itself.
-- outcome: 'signed-in' | 'second-factor-invalid', which has been audited.
create function nora.finish_second_factor(p_token bytea, p_api_proof bytea, p_passkey uuid, p_counter bigint, p_code_hash bytea,
  p_secret_hash bytea, p_refresh_hash bytea, p_idle interval, p_absolute interval, p_ip inet, p_user_agent text, p_correlation text)
  returns table (outcome text, session_id uuid, user_id uuid, transport text) language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  f record;
  good boolean;
begin
  perform nora.require_api(p_api_proof);
  delete from nora.second_factors x where x.token_hash = sha256(p_token) and x.taken_at > now() - interval '2 minutes'
    returning x.user_id, x.transport, x.provider into f;
  if not found then perform nora.raise_problem(401, 'second-factor-invalid'); end if;
  good := case when p_passkey is not null then nora.use_passkey(f.user_id, p_passkey, p_counter, p_ip, p_correlation)
    else nora.use_recovery_code(f.user_id, p_code_hash, p_ip, p_correlation) end;
  if good is not true then
    perform nora.write_audit('SIGN_IN_FAILED', 'anonymous', null, null, 'user', f.user_id::text, p_ip, p_correlation,
      '{"reason": "second-factor-invalid"}');
    outcome := 'second-factor-invalid';
    return next;
    return;
  end if;
  outcome := 'signed-in';
  user_id := f.user_id;
  transport := f.transport;
  session_id := nora.insert_second_session(f.user_id, case when p_passkey is null then 'recovery-code' else 'passkey' end, f.transport,
    p_secret_hash, p_refresh_hash, p_idle, p_absolute, p_ip, p_user_agent, p_correlation,
    jsonb_strip_nulls(jsonb_build_object('provider', f.provider)));
  return next;
end $$;

do $$
declare
  f text;
  inner_ones text[] := array['has_passkeys(uuid)', 'demand_second_factor()', 'ask_second_factor(bytea,uuid,text,text,inet,text)',
    'use_passkey(uuid,uuid,bigint,inet,text)', 'use_recovery_code(uuid,bytea,inet,text)',
    'insert_second_session(uuid,text,text,bytea,bytea,interval,interval,inet,text,text,jsonb)'];
  for_api text[] := array['sign_in(uuid,bytea,text,bytea,bytea,interval,interval,inet,text,text,bytea)',
    'second_factor_passkeys(bytea,boolean)',
    'finish_second_factor(bytea,bytea,uuid,bigint,bytea,bytea,bytea,interval,interval,inet,text,text)'];
begin
  foreach f in array inner_ones || for_api loop
    execute format('alter function nora.%s owner to nora_definer', f);
    execute format('revoke all on function nora.%s from public', f);
  end loop;
  foreach f in array for_api loop execute format('grant execute on function nora.%s to nora_app', f); end loop;
end $$;
