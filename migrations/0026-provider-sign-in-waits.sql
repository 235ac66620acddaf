-- A sign-in at a provider waits for whoever is disabling, or signing out everywhere, the account it leads to, as one by the
-- password does (0016): a session that is not committed yet would not be seen by them, and be live once the account is enabled.

-- As in 0017, but for the lock, which is taken before the identity's, in the order of nora.unlink_identity.
create or replace function nora.sign_in_by_identity(p_flow bytea, p_api_proof bytea, p_provider text, p_issuer text, p_subject text, p_email text,
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
    perform 1 from nora.users u join nora.identities i on i.user_id = u.id
      where i.issuer = p_issuer and i.subject = p_subject for share of u;
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
