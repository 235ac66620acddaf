-- An engine that was killed while it made a network can keep the network's addresses for good, under nobody's name.

set role nora_owner;

-- Gives the operation's agent the next free /29 behind its own, round the end. The one it leaves is free again: whoever
-- gets it and finds it taken moves on just so.
create function nora.move_network_slot(p_slots int) returns int language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  old int;
  slot int;
begin
  if nora.actor_kind() is distinct from 'operation' or nora.agent() is null then
    raise exception 'no operation' using errcode = 'NR403';
  end if;
  perform 1 from nora.installation for update;
  select network_slot into old from nora.agents where id = nora.agent();
  select s into slot from generate_series(2, p_slots - 1) s
    where not exists (select 1 from nora.agents a where a.network_slot = s) order by s <= old, s limit 1;
  if slot is null then raise exception 'network pool exhausted' using errcode = 'NR409'; end if;
  update nora.agents set network_slot = slot where id = nora.agent();
  return slot;
end $$;

reset role;

alter function nora.move_network_slot(int) owner to nora_definer;
revoke all on function nora.move_network_slot(int) from public;
grant execute on function nora.move_network_slot(int) to nora_worker;
