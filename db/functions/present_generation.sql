-- The generation of the token key that all tokens are made under now.
CREATE OR REPLACE FUNCTION vault.present_generation() RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT generation FROM vault.token_generation;
$$;
