-- The token of an address of this generation and these bytes, as public.ip_networks spells it.
CREATE OR REPLACE FUNCTION vault.network_key(generation integer, token bytea) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT 'ip_v' || generation || '_' || rtrim(translate(encode(token, 'base64'), '+/', '-_'), '=');
$$;
