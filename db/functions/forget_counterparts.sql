-- While the token key is rotated, a value is there twice: under its former token and under the next one. Deletes the other
-- one of each of these, whose values were deleted. Correct only in a statement of its own, after that.
CREATE OR REPLACE FUNCTION vault.forget_counterparts(tokens bytea[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- a plan from when a table was small must not read all of it later
SET enable_seqscan = off AS $$
BEGIN
  DELETE FROM vault.pii_vault AS value
  WHERE value.token = ANY (ARRAY(
    SELECT map.new_token FROM vault.token_map AS map WHERE map.token = ANY (tokens)
    UNION ALL
    SELECT map.token FROM vault.token_map AS map WHERE map.new_token = ANY (tokens)
  ));
END;
$$;
