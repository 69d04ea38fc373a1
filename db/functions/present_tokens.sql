-- The tokens under their present names, in the order given; what has no other name stays as it is.
CREATE OR REPLACE FUNCTION vault.present_tokens(tokens text[]) RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(array_agg(coalesce(given.present, given.token) ORDER BY given.position), '{}')
  FROM unnest(tokens, vault.current_token(tokens)) WITH ORDINALITY AS given (token, present, position);
$$;
