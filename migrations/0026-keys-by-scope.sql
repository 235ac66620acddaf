-- Which keys an agent holds is for `keys:sync` to say, also of an agent that is being made: with `agents:write` alone a program
-- could hand its maker's keys to an image of its own choice.
drop policy key_insert on nora.agent_credentials;
create policy key_insert on nora.agent_credentials for insert to nora_app
  with check (workspace_id = (select nora.workspace()) and (select nora.key_may('keys:sync'))
    and exists (select 1 from nora.credentials c where c.workspace_id = agent_credentials.workspace_id and c.id = agent_credentials.credential_id));
drop policy key_delete on nora.agent_credentials;
create policy key_delete on nora.agent_credentials for delete to nora_app
  using (workspace_id = (select nora.workspace()) and (select nora.key_may('keys:sync')));
