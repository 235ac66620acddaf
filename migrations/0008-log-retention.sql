-- Retention of logs in all: by age for agents that print nothing any more, and by size over the whole installation.

set role nora_owner;
create index log_chunks_oldest on nora.log_chunks (created_at);
reset role;

-- Removes chunks older than p_days, and beyond p_total bytes the oldest of whoever holds most: agents of workspaces that have
-- more than an equal share of p_total, so that nobody's lines go because others print much. At most p_chunks of each a call.
-- Chunks of a log that is being written at this moment are left for the next call: their follower's row is locked.
create function nora.trim_logs(p_total bigint, p_days int, p_chunks int) returns table (chunks bigint, bytes bigint)
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  excess bigint;
  share bigint;
begin
  select coalesce(sum(f.stored_bytes), 0) - p_total, p_total / greatest(1, count(distinct f.workspace_id)) into excess, share
    from nora.log_followers f where f.stored_bytes > 0;
  return query
  with aged as (
    select c.workspace_id, c.agent_id, c.first_seq, length(c.data)::bigint as n, 0::bigint as before, true as old from nora.log_chunks c
    where c.created_at < now() - make_interval(days => p_days) and c.last_ts < now() - make_interval(days => p_days)
    order by c.created_at limit p_chunks
  ), largest as (
    select f.workspace_id, f.agent_id from nora.log_followers f
    where excess > 0 and f.stored_bytes > 0 and f.workspace_id in
      (select w.workspace_id from nora.log_followers w group by w.workspace_id having sum(w.stored_bytes) > share)
    order by f.stored_bytes desc limit 50
  ), oldest as (
    select c.workspace_id, c.agent_id, c.first_seq, c.created_at, c.n from largest l, lateral (
      select x.workspace_id, x.agent_id, x.first_seq, x.created_at, length(x.data)::bigint as n from nora.log_chunks x
      where x.workspace_id = l.workspace_id and x.agent_id = l.agent_id order by x.first_seq limit p_chunks) c
    order by c.created_at, c.agent_id, c.first_seq limit p_chunks
  ), candidates as (
    select * from aged
    union all
    select o.workspace_id, o.agent_id, o.first_seq, o.n, sum(o.n) over (order by o.created_at, o.agent_id, o.first_seq) - o.n, false from oldest o
  ), free as (
    select f.agent_id from nora.log_followers f
    where f.agent_id in (select x.agent_id from candidates x where x.old or x.before < excess)
    for no key update skip locked
  ), gone as (
    delete from nora.log_chunks c
    using (select distinct x.workspace_id, x.agent_id, x.first_seq from candidates x where x.old or x.before < excess) x, free f
    where c.workspace_id = x.workspace_id and c.agent_id = x.agent_id and c.first_seq = x.first_seq and f.agent_id = x.agent_id
    returning c.agent_id, length(c.data)::bigint as n
  ), freed as (
    select g.agent_id, sum(g.n) as n, count(*) as chunks from gone g group by g.agent_id
  ), counted as (
    update nora.log_followers f set stored_bytes = greatest(0, f.stored_bytes - freed.n)
    from freed where f.agent_id = freed.agent_id
  )
  select coalesce(sum(freed.chunks), 0)::bigint, coalesce(sum(freed.n), 0)::bigint from freed;
end $$;

alter function nora.trim_logs(bigint, int, int) owner to nora_definer;
revoke all on function nora.trim_logs(bigint, int, int) from public;
grant execute on function nora.trim_logs(bigint, int, int) to nora_worker;
