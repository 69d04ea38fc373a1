-- Raises an error unless the list has 1 to `most` different tokens.
CREATE OR REPLACE FUNCTION vault.check_tokens(tokens text[], most integer DEFAULT 100) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF coalesce(cardinality(tokens), 0) NOT BETWEEN 1 AND most
    OR (SELECT count(DISTINCT token) FROM unnest(tokens) AS token) <> cardinality(tokens)
  THEN
    RAISE EXCEPTION 'a request names 1 to % different tokens', most USING ERRCODE = 'invalid_parameter_value';
  END IF;
END;
$$;
