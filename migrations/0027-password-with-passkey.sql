-- Whoever has a passkey shows it before their password is changed as well: somebody with a session and the password of theirs
-- could lock them out otherwise.

alter function nora.change_password(uuid, bytea, text, bytea, inet, text) rename to replace_password;
revoke execute on function nora.replace_password(uuid, bytea, text, bytea, inet, text) from nora_app;

-- As nora.replace_password, which is that of 0005, by the session with this secret. NR401 invalid-credentials; NR403 step-up-required.
create function nora.change_own_password(p_session uuid, p_secret bytea, p_old_proof bytea, p_new_salt text, p_new_verifier bytea, p_ip inet,
  p_correlation text) returns int language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  -- Waits for a first passkey that is being added.
  perform 1 from nora.users u where u.id = nora.actor() for no key update;
  if nora.has_passkeys(nora.actor()) then perform nora.require_step_up(p_session, p_secret); end if;
  return nora.replace_password(p_session, p_old_proof, p_new_salt, p_new_verifier, p_ip, p_correlation);
end $$;

-- The same for processes of the version before, which do not name the secret: not for whoever has a passkey.
create function nora.change_password(p_session uuid, p_old_proof bytea, p_new_salt text, p_new_verifier bytea, p_ip inet,
  p_correlation text) returns int language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  return nora.change_own_password(p_session, null, p_old_proof, p_new_salt, p_new_verifier, p_ip, p_correlation);
end $$;

do $$
declare f text;
begin
  foreach f in array array['change_own_password(uuid,bytea,bytea,text,bytea,inet,text)', 'change_password(uuid,bytea,text,bytea,inet,text)'] loop
    execute format('alter function nora.%s owner to nora_definer', f);
    execute format('revoke all on function nora.%s from public', f);
    execute format('grant execute on function nora.%s to nora_app', f);
  end loop;
end $$;
