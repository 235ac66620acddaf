-- An operation's deadline bounds what it works and tries, not the time in which it could do neither: while no worker took it,
-- and while its start waited for the host guard.

-- As before; what it lay for, due or behind another of its agent, is given back to it. A worker's own time, one's that died
-- too, is not; nor what it lay for after ten workers: one that kills its worker each time ends in its time all the same.
create or replace function nora.lease_operation(p_operation uuid, p_worker text, p_lease interval)
  returns table (id uuid, workspace_id uuid, agent_id uuid, credential_id uuid, kind text, attempt int, deadline_at timestamptz,
    correlation_id text, cancel_requested boolean) language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  return query update nora.operations o
    set status = 'leased', worker_id = p_worker, attempt = o.attempt + 1, lease_until = clock_timestamp() + p_lease,
        deadline_at = o.deadline_at + greatest(interval '0',
          clock_timestamp() - case when o.status = 'pending' then o.not_before when o.attempt < 10 then o.lease_until end),
        started_at = coalesce(o.started_at, now()), reason = case when o.attempt = 0 then 'a worker took it' else 'a worker took it over' end
    where o.id = p_operation
      and ((o.status = 'pending' and (o.not_before <= now() or o.cancel_requested_at is not null))
        or (o.status = 'leased' and o.lease_until < clock_timestamp()))
      and not exists (select 1 from nora.operations e where e.agent_id = o.agent_id and e.seq < o.seq and e.status in ('pending', 'leased'))
    returning o.id, o.workspace_id, o.agent_id, o.credential_id, o.kind, o.attempt, o.deadline_at, o.correlation_id,
      o.cancel_requested_at is not null;
exception when unique_violation then
  return;
end $$;

-- Gives back an operation whose start the host guard holds: from its next try on it has its whole time again. Not so where a key
-- is to be taken out of the running program by what comes after it (one that waits behind it, or the next look at an agent that
-- is owed that): that waits for no more than the deadline there is.
create function nora.hold_operation(p_operation uuid, p_worker text, p_attempt int, p_delay interval, p_reason text) returns boolean
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  next_try timestamptz := now() + least(p_delay, interval '1 minute');
begin
  update nora.operations o
    set status = 'pending', worker_id = null, lease_until = null, not_before = next_try, reason = p_reason,
        deadline_at = case
          when exists (select 1 from nora.operations b where b.agent_id = o.agent_id and b.seq > o.seq and b.status in ('pending', 'leased'))
            or (o.kind not in ('sync-keys', 'reconcile') and exists (select 1 from nora.agents a where a.id = o.agent_id and a.keys_owed))
          then o.deadline_at else greatest(o.deadline_at, next_try + interval '15 minutes') end
    where o.id = p_operation and o.status = 'leased' and o.worker_id = p_worker and o.attempt = p_attempt;
  return found;
end $$;
alter function nora.hold_operation(uuid, text, int, interval, text) owner to nora_definer;
revoke all on function nora.hold_operation(uuid, text, int, interval, text) from public;
grant execute on function nora.hold_operation(uuid, text, int, interval, text) to nora_worker;
