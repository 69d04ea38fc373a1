-- The token of this kind and these bytes, as interfaces and the audit spell it.
CREATE OR REPLACE FUNCTION vault.token_text(kind vault.pii_kind, token bytea) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT token_text.kind::text || '_v' || present.generation || '_'
    || rtrim(translate(encode(token_text.token, 'base64'), '+/', '-_'), '=')
  FROM vault.token_generation AS present;
$$;
