-- A key that is one and is refused all the same (after its end, from elsewhere, for another workspace) may be in the wrong hands:
-- its workspace's admins are to see it. Whoever reports it shows the key's proof, so nobody fills somebody else's log.
create function nora.report_refused_key(p_public text, p_proof bytea, p_reason text, p_ip inet, p_correlation text) returns void
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if p_reason not in ('api-key-expired', 'ip-not-allowed', 'wrong-workspace') then perform nora.raise_problem(403, 'forbidden'); end if;
  perform nora.write_audit('API_KEY_REFUSED', 'api_key', k.id::text, k.workspace_id, 'api-key', k.id::text, p_ip, p_correlation,
      jsonb_build_object('reason', p_reason, 'createdBy', k.created_by))
    from nora.api_keys k join nora.api_key_secrets s on s.key_id = k.id and s.hash = sha256(p_proof) where k.public_id = p_public;
end $$;
alter function nora.report_refused_key(text, bytea, text, inet, text) owner to nora_definer;
revoke all on function nora.report_refused_key(text, bytea, text, inet, text) from public;
grant execute on function nora.report_refused_key(text, bytea, text, inet, text) to nora_app;
