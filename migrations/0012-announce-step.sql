-- The beginning of a step, in one message instead of nine: the fence, the operation's step and words, the agent's state and the
-- events of both. It runs as its caller: the policies decide as they do for each of these statements by itself.
create function nora.announce_step(p_operation uuid, p_worker text, p_attempt int, p_step text, p_state text, p_reason text)
  returns boolean language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  e record;
  was text;
  n bigint;
begin
  select * into e from nora.enter_operation(p_operation, p_worker, p_attempt);
  update nora.operations set step = p_step, step_at = now(), reason = p_reason where id = p_operation;
  select a.state into was from nora.agents a where a.id = e.agent_id for no key update;
  if not found then raise exception 'an operation without its agent' using errcode = 'NR404'; end if;
  update nora.agents set state = p_state, state_reason = p_reason, updated_at = now(),
      state_changed_at = case when state = p_state then state_changed_at else now() end,
      event_seq = event_seq + case when was = p_state then 1 else 2 end
    where id = e.agent_id returning event_seq into n;
  if was <> p_state then
    insert into nora.events (workspace_id, agent_id, seq, type, data) values (e.workspace_id, e.agent_id, n - 1, 'state.changed',
      jsonb_build_object('state', p_state, 'reason', p_reason, 'operationId', p_operation));
  end if;
  insert into nora.events (workspace_id, agent_id, seq, type, data) values (e.workspace_id, e.agent_id, n, 'step.started',
    jsonb_build_object('operationId', p_operation, 'step', p_step));
  return e.cancel_requested;
end $$;
alter function nora.announce_step(uuid, text, int, text, text, text) owner to nora_definer;
revoke all on function nora.announce_step(uuid, text, int, text, text, text) from public;
grant execute on function nora.announce_step(uuid, text, int, text, text, text) to nora_worker;
