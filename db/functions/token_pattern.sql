-- What a token of this generation matches, as a regular expression.
CREATE OR REPLACE FUNCTION vault.token_pattern(generation integer) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT '^(' || string_agg(kind::text, '|') || ')_v' || generation || '_[A-Za-z0-9_-]{26}[AEIMQUYcgkosw048]$'
  FROM unnest(enum_range(NULL::vault.pii_kind)) AS kind;
$$;
