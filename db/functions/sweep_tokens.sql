-- Deletes, after the swap, the vault's rows under former tokens, and in a rotation that is being aborted those under the
-- next ones: of up to `rows` entries of vault.token_map after the token `after` (null: from the first). Returns the last
-- of these tokens; null at the end.
CREATE OR REPLACE FUNCTION vault.sweep_tokens(after bytea, rows integer, OUT last bytea, OUT deleted bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- a plan from when a table was small must not read all of it later
SET enable_seqscan = off AS $$
DECLARE
  reached text;
  tokens bytea[];
  gone bytea[];
BEGIN
  SELECT phase INTO reached FROM vault.rotation WHERE phase IN ('swapped', 'aborting');
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is nothing to sweep' USING ERRCODE = 'insufficient_privilege';
  END IF;
  SELECT array_agg(page.token ORDER BY page.token),
    array_agg(CASE WHEN reached = 'swapped' THEN page.token ELSE page.new_token END)
  INTO tokens, gone
  FROM (
    SELECT map.* FROM vault.token_map AS map
    WHERE map.token > coalesce(after, ''::bytea) ORDER BY map.token LIMIT rows
  ) AS page;
  DELETE FROM vault.pii_vault AS value WHERE value.token = ANY (gone);
  GET DIAGNOSTICS deleted = ROW_COUNT;
  last := tokens[cardinality(tokens)];
END;
$$;
