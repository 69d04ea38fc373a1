-- The rights that exist only while the token key is rotated, as docs/roles.md lists them: db/grants.sql has revoked them.
GRANT USAGE ON SCHEMA vault TO vault_rotate, vault_analyst;
GRANT EXECUTE ON FUNCTION vault.current_token(text[]) TO vault_rotate, vault_analyst;
GRANT EXECUTE ON FUNCTION
  vault.rotation_state(), vault.begin_rotation(text, text, text, boolean, text), vault.pause_rotation(boolean),
  vault.rotation_page(bytea, integer), vault.rotation_rest(integer),
  vault.map_tokens(bytea[], bytea[], bytea[], boolean[], uuid, bytea, text),
  vault.map_networks(bytea[], bytea[], text[], text[]),
  vault.swap_tokens(text[], text, text, text), vault.former_tokens_left(text[]), vault.sweep_tokens(bytea, integer),
  vault.abort_rotation(text, text, text, boolean), vault.finish_rotation(text[], text, text, text)
TO vault_rotate;
