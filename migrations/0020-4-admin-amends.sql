-- An operation says by its default which workspace key asked for it (0019): whoever inserts one may ask that. For an admin's it is
-- null.
grant execute on function nora.api_key() to nora_admin_operator;

-- An order over the whole server must not look to the planner like one for a single workspace's page: where one workspace has nearly
-- everything, it would read all of it in search of a few rows of another. Nulls last is an order that only an admin's lists ask for.
set role nora_owner;
drop index nora.agents_everywhere, nora.agents_everywhere_state, nora.agents_owner, nora.operations_unfinished, nora.audit_log_ts,
  nora.audit_log_type, nora.audit_log_actor;
create index agents_everywhere on nora.agents (created_at desc nulls last, id desc nulls last) where deleted_at is null;
create index agents_everywhere_state on nora.agents (state, created_at desc nulls last, id desc nulls last) where deleted_at is null;
create index agents_owner on nora.agents (owner_id, created_at desc nulls last, id desc nulls last) where deleted_at is null;
create index operations_unfinished on nora.operations (seq desc nulls last) where status in ('pending', 'leased');
create index audit_log_ts on nora.audit_log (ts desc nulls last, id desc nulls last);
create index audit_log_type on nora.audit_log (event_type, ts desc nulls last, id desc nulls last);
create index audit_log_actor on nora.audit_log (actor_id, ts desc nulls last, id desc nulls last) where actor_kind = 'user';
reset role;

-- As in 0020-3, in the order that has an index.
create or replace function nora.take_agent_room(p_limit int) returns boolean language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  perform 1 from nora.agent_room for update;
  return (select count(*) from (select 1 from nora.agents a where a.deleted_at is null
    order by a.created_at desc nulls last, a.id desc nulls last limit p_limit::bigint + 1) x) <= p_limit;
end $$;
