-- The tokens in the order given, each with its bytes and its kind, as vault.token_bytes and vault.token_text have them; both
-- are null for what is not a token of the present generation. In one statement and without a regular expression, since a
-- reveal with an approval names 10 000.
CREATE OR REPLACE FUNCTION vault.split_tokens(tokens text[]) RETURNS TABLE (
  "position" bigint, token text, bytes bytea, kind text
)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT given.position, given.token,
    decode(CASE WHEN known.kind IS NOT NULL THEN translate(right(given.token, 27), '-_', '+/') || '=' END, 'base64'),
    known.kind
  FROM unnest(tokens) WITH ORDINALITY AS given (token, position)
  LEFT JOIN (
    SELECT kind::text AS kind, kind::text || '_v' || generation || '_' AS prefix
    FROM vault.token_generation CROSS JOIN unnest(enum_range(NULL::vault.pii_kind)) AS kind
  ) AS known ON known.prefix = left(given.token, -27)
    AND strpos('AEIMQUYcgkosw048', right(given.token, 1)) > 0
    AND translate(
      right(given.token, 27), 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_', ''
    ) = ''
  ORDER BY given.position;
$$;
