-- A passkey's word for one action on one thing: what the api stores, the worker checks by itself before it acts. The challenge is
-- made of action, thing and person, so the word cannot be turned to anything else; each is kept for good and stands in for one
-- permission, so it cannot be used for a second.

set role nora_owner;
create table nora.action_assertions (
  -- The random part of the challenge: the same signature never fits under another one.
  nonce bytea primary key check (length(nonce) = 32),
  user_id uuid not null references nora.users (id) on delete cascade,
  passkey_id uuid references nora.passkeys (id) on delete set null,
  action text not null check (length(action) <= 40),
  target_id uuid not null,
  -- As the authenticator gave it.
  assertion jsonb not null check (length(assertion::text) <= 16000),
  created_at timestamptz not null default now(),
  spent_at timestamptz
);
create index action_assertions_target on nora.action_assertions (target_id, action) where spent_at is null;
create index action_assertions_user on nora.action_assertions (user_id);
create index action_assertions_passkey on nora.action_assertions (passkey_id);
reset role;

alter table nora.action_assertions enable row level security;
alter table nora.action_assertions force row level security;
create policy definer on nora.action_assertions to nora_definer using (true) with check (true);
grant select, insert, update, delete on nora.action_assertions to nora_definer;

-- Keeps a word whose signature the api has checked, and whose challenge it has used up. False, and audited, for a counter that
-- went back. Another word for the same stands in the place of the older one.
create function nora.keep_assertion(p_session uuid, p_secret bytea, p_api_proof bytea, p_action text, p_target uuid,
  p_nonce bytea, p_passkey uuid, p_counter bigint, p_assertion jsonb, p_ip inet, p_correlation text) returns boolean
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform nora.require_api(p_api_proof);
  perform 1 from nora.sessions s where s.id = p_session and s.user_id = nora.actor() and s.secret_hash = sha256(p_secret)
    and s.revoked_at is null;
  if not found then perform nora.raise_problem(401, 'unauthenticated'); end if;
  if not nora.use_passkey(nora.actor(), p_passkey, p_counter, p_ip, p_correlation) then return false; end if;
  update nora.action_assertions a set spent_at = now() where a.target_id = p_target and a.action = p_action
    and a.user_id = nora.actor() and a.spent_at is null;
  insert into nora.action_assertions (nonce, user_id, passkey_id, action, target_id, assertion)
    values (p_nonce, nora.actor(), p_passkey, p_action, p_target, p_assertion);
  perform nora.write_audit('PASSKEY_CONFIRMED', 'user', nora.actor()::text, null, 'passkey', p_passkey::text, p_ip, p_correlation,
    jsonb_build_object('action', p_action, 'targetId', p_target));
  return true;
end $$;

-- What enabling trading asks (0018): a step-up, and of whoever has a passkey its word for this credential, given just now.
create or replace function nora.require_trading_approval(p_session uuid, p_secret bytea, p_credential uuid) returns void
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform nora.require_step_up(p_session, p_secret);
  if not nora.has_passkeys(nora.actor()) then return; end if;
  perform 1 from nora.action_assertions a where a.action = 'exchange:trade' and a.target_id = p_credential
    and a.user_id = nora.actor() and a.spent_at is null and a.created_at > now() - interval '5 minutes';
  if not found then perform nora.raise_problem(403, 'passkey-confirmation-required'); end if;
end $$;

-- The word for trading ends with the permission, whoever takes it back and why.
create function nora.spend_trading_word() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  update nora.action_assertions a set spent_at = now() where a.action = 'exchange:trade' and a.target_id = new.id and a.spent_at is null;
  return null;
end $$;

-- For a worker in an operation's or a viewer's context: whether this person has passkeys at all, and their unspent word for this
-- action with the key that it must fit. One row.
create function nora.action_word(p_action text, p_target uuid, p_user uuid)
  returns table (enrolled boolean, nonce bytea, credential_id bytea, public_key bytea, assertion jsonb)
  language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  if coalesce(nora.actor_kind(), '') not in ('operation', 'viewer') then perform nora.raise_problem(403, 'forbidden'); end if;
  perform 1 from nora.memberships m where m.workspace_id = nora.workspace() and m.user_id = p_user;
  if not found then perform nora.raise_problem(403, 'forbidden'); end if;
  return query select nora.has_passkeys(p_user), a.nonce, a.credential_id, a.public_key, a.assertion
    from (select 1) one left join lateral (
      select x.nonce, p.credential_id, p.public_key, x.assertion
      from nora.action_assertions x join nora.passkeys p on p.id = x.passkey_id and p.user_id = x.user_id
      where x.action = p_action and x.target_id = p_target and x.user_id = p_user and x.spent_at is null
      order by x.created_at desc limit 1) a on true;
end $$;

-- For a worker that acts on a word which is good for once. False: somebody else was first.
create function nora.spend_word(p_nonce bytea) returns boolean language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  update nora.action_assertions a set spent_at = now() where a.nonce = p_nonce and a.spent_at is null;
  return found;
end $$;

-- As in 0006, with what a worker finds when it checks a passkey's word.
create or replace function nora.report_security_event(p_type text, p_workspace uuid, p_target_kind text, p_target text, p_details jsonb)
  returns void language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if p_type not in ('ORPHAN_REMOVED', 'CAPABILITY_REFUSED', 'SECRET_OPEN_FAILED', 'NAME_TAKEN', 'PASSKEY_WORD_REFUSED') then
    raise exception 'type not allowed' using errcode = 'NR403';
  end if;
  perform nora.write_audit(p_type, 'system', 'system', p_workspace, p_target_kind, p_target, null, null, p_details);
end $$;

do $$
declare f text;
begin
  foreach f in array array['keep_assertion(uuid,bytea,bytea,text,uuid,bytea,uuid,bigint,jsonb,inet,text)',
    'require_trading_approval(uuid,bytea,uuid)', 'spend_trading_word()', 'action_word(text,uuid,uuid)', 'spend_word(bytea)'] loop
    execute format('alter function nora.%s owner to nora_definer', f);
    execute format('revoke all on function nora.%s from public', f);
  end loop;
  grant execute on function nora.keep_assertion(uuid,bytea,bytea,text,uuid,bytea,uuid,bigint,jsonb,inet,text) to nora_app;
  grant execute on function nora.action_word(text,uuid,uuid), nora.spend_word(bytea) to nora_worker;
  grant execute on function nora.spend_trading_word() to nora_owner;
end $$;

set role nora_owner;
create trigger spend_trading_word after update on nora.credentials for each row
  when (old.permission = 'trading_enabled' and new.permission = 'read_only') execute function nora.spend_trading_word();
reset role;
