-- The next `rows` rows of the vault after the token `after` (null: from the first), in the order of their tokens. What is
-- to be mapped has its sealed value and its data key; these are null for a row that is mapped, or is a mapped one itself.
CREATE OR REPLACE FUNCTION vault.rotation_page(after bytea, rows integer) RETURNS TABLE (
  token bytea, kind text, ciphertext bytea, data_key_id uuid, wrapped_key bytea, kms_key_arn text
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- a plan from when a table was small must not read all of it later
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
  -- what this transaction wrote may be rolled back, such as the record that the rotation has begun
  IF pg_current_xact_id_if_assigned() IS NOT NULL THEN
    RAISE EXCEPTION 'values are read in transactions of their own' USING ERRCODE = 'invalid_transaction_state';
  END IF;
  IF NOT EXISTS (SELECT FROM vault.rotation WHERE phase = 'mapping') THEN
    RAISE EXCEPTION 'values are read only while a rotation maps them' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN QUERY
  SELECT page.token, page.kind::text, CASE WHEN key.id IS NOT NULL THEN page.ciphertext END,
    key.id, key.wrapped_key, key.kms_key_arn
  FROM (
    SELECT value.* FROM vault.pii_vault AS value
    WHERE value.token > coalesce(after, ''::bytea) ORDER BY value.token LIMIT rows
  ) AS page
  LEFT JOIN vault.data_keys AS key ON key.id = page.data_key_id
    AND NOT EXISTS (SELECT FROM vault.token_map AS map WHERE map.new_token = page.token)
    AND NOT EXISTS (
      SELECT FROM vault.token_map AS map JOIN vault.pii_vault AS next ON next.token = map.new_token
      WHERE map.token = page.token
    )
  ORDER BY page.token;
END;
$$;
