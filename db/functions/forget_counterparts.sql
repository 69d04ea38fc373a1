-- While the token key is rotated, a value is there twice: under its former token and under the next one. Deletes the other
-- one of each of these, whose values were deleted. Correct only in a statement of its own, after that.
CREATE OR REPLACE FUNCTION vault.forget_counterparts(tokens bytea[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- a plan from when a table was small must not read all of it later
SET enable_seqscan = off AS $$
DECLARE
  others CONSTANT bytea[] := ARRAY(
    SELECT map.new_token FROM vault.token_map AS map WHERE map.token = ANY (tokens)
    UNION ALL
    SELECT map.token FROM vault.token_map AS map WHERE map.new_token = ANY (tokens)
  );
BEGIN
  IF cardinality(others) = 0 THEN RETURN; END IF;
  DELETE FROM vault.pii_vault AS value WHERE value.token = ANY (others);
  DELETE FROM public.ip_networks AS network WHERE network.masked_ip = ANY (ARRAY(
    SELECT vault.network_key(rotation.from_generation + step, other)
    FROM vault.rotation, generate_series(0, 1) AS step, unnest(others) AS other
  ));
END;
$$;
