-- Which of these tokens' values must not be sealed: their bytes.
CREATE OR REPLACE FUNCTION vault.suppressed(tokens bytea[]) RETURNS bytea[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- a plan from when a table was small must not read all of it later
SET enable_seqscan = off AS $$
  SELECT coalesce(array_agg(gone.token), '{}') FROM vault.tombstones AS gone
  WHERE gone.suppressed AND gone.token = ANY (tokens);
$$;
