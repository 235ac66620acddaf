-- An operation says by its default which workspace key asked for it (0019): whoever inserts one may ask that. For an admin's it is
-- null.
grant execute on function nora.api_key() to nora_admin_operator;
