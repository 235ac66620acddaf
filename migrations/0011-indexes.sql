-- What is asked for often and touched more pages the more agents are known: a list of one state, the room on a gateway, the
-- leases of one follower.

set role nora_owner;
create index agents_by_state on nora.agents (workspace_id, state, created_at desc, id desc) where deleted_at is null;
create index agents_gateway on nora.agents (gateway_id) where gateway_id is not null;
create index log_followers_worker on nora.log_followers (worker_id) where worker_id is not null;
reset role;
