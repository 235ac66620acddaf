-- What a form to deploy an agent shows before anybody asks for one: whether the whole server has room for another agent, and nothing
-- of how many there are. As take_agent_room tells it, without the lock. Nobody without a proven context is answered.
create function nora.has_agent_room(p_limit int) returns boolean language sql stable security definer
  set search_path = pg_catalog, pg_temp as $$
  select case when nora.workspace() is not null then (select count(*) from (select 1 from nora.agents a where a.deleted_at is null
    order by a.created_at desc nulls last, a.id desc nulls last limit greatest(p_limit, 0)::bigint) x) < p_limit end
$$;
alter function nora.has_agent_room(int) owner to nora_definer;
revoke all on function nora.has_agent_room(int) from public;
grant execute on function nora.has_agent_room(int) to nora_app;
