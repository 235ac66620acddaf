-- A worker looks every few seconds whether an exchange of keys has ended: only rows that changed are a change.
drop trigger mark_rotation on nora.key_rotations;
set role nora_owner;
create trigger mark_rotation after insert or update on nora.key_rotations for each row
  execute function nora.mark_server('encryption-key');
reset role;
