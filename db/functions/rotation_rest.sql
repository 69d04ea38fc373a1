-- Up to `rows` rows of the vault that are still to be mapped, as vault.rotation_page gives them, in no order. It reads all
-- of the vault: for what came while the pages were mapped.
CREATE OR REPLACE FUNCTION vault.rotation_rest(rows integer) RETURNS TABLE (
  token bytea, kind text, ciphertext bytea, data_key_id uuid, wrapped_key bytea, kms_key_arn text
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- vault.token_map has just been filled, and has no statistics yet
SET work_mem = '256MB' SET enable_nestloop = off AS $$
BEGIN
  PERFORM vault.check_mapping();
  RETURN QUERY
  SELECT value.token, value.kind::text, value.ciphertext, key.id, key.wrapped_key, key.kms_key_arn
  FROM vault.pii_vault AS value JOIN vault.data_keys AS key ON key.id = value.data_key_id
  WHERE NOT EXISTS (SELECT FROM vault.token_map AS map WHERE map.new_token = value.token)
    AND NOT EXISTS (
      SELECT FROM vault.token_map AS map JOIN vault.pii_vault AS next ON next.token = map.new_token
      WHERE map.token = value.token
    )
  LIMIT rows;
END;
$$;
