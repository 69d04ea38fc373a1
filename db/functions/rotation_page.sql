-- The next `rows` rows of the vault after the token `after` (null: from the first), in the order of their tokens. What is
-- to be mapped has its sealed value and its data key; these are null for a row that is mapped, or is a mapped one itself.
CREATE OR REPLACE FUNCTION vault.rotation_page(after bytea, rows integer) RETURNS TABLE (
  token bytea, kind text, ciphertext bytea, data_key_id uuid, wrapped_key bytea, kms_key_arn text
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- a plan from when a table was small must not read all of it later
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
  PERFORM vault.check_mapping();
  RETURN QUERY
  SELECT page.token, page.kind::text, CASE WHEN key.id IS NOT NULL THEN page.ciphertext END,
    key.id, key.wrapped_key, key.kms_key_arn
  FROM (
    SELECT value.* FROM vault.pii_vault AS value
    WHERE value.token > coalesce(after, ''::bytea) ORDER BY value.token LIMIT rows
  ) AS page
  LEFT JOIN vault.token_map AS former ON former.new_token = page.token
  LEFT JOIN vault.token_map AS map ON map.token = page.token
  LEFT JOIN vault.pii_vault AS next ON next.token = map.new_token
  LEFT JOIN vault.data_keys AS key
    ON key.id = page.data_key_id AND former.token IS NULL AND next.token IS NULL
  ORDER BY page.token;
END;
$$;
