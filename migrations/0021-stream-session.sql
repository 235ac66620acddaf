-- A ticket names the session it is for. A reference is checked past the policies: whoever named a session of somebody else's
-- was told by the answer that it exists. One names one's own, or is refused as for one that does not exist.
drop policy app_insert on nora.streams;
create policy app_insert on nora.streams for insert to nora_app
  with check (workspace_id = (select nora.workspace()) and user_id = (select nora.actor()) and redeemed_at is null
    and exists (select 1 from nora.sessions s where s.id = streams.session_id));
