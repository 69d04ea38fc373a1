-- The present names of tokens, in the order given: a token of the present generation as it is, and while there is a
-- vault.token_map the token that took the place of one of the former generation. Null for everything else.
CREATE OR REPLACE FUNCTION vault.current_token(tokens text[]) RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(array_agg(
    CASE
      WHEN given.bytes IS NOT NULL THEN given.token
      WHEN former.pattern IS NOT NULL AND given.token ~ former.pattern THEN (
        SELECT vault.token_text(map.kind, map.new_token) FROM vault.token_map AS map
        WHERE map.token = decode(
            CASE WHEN given.token ~ former.pattern THEN translate(right(given.token, 27), '-_', '+/') || '=' END, 'base64'
          )
          AND map.kind::text || '_v' || former.generation = left(given.token, -28)
      )
    END ORDER BY given.position
  ), '{}')
  FROM vault.split_tokens(tokens) AS given
  LEFT JOIN (
    SELECT from_generation AS generation,
      '^[a-z][a-z_]{0,31}_v' || from_generation || '_[A-Za-z0-9_-]{26}[AEIMQUYcgkosw048]$' AS pattern
    FROM vault.rotation WHERE phase = 'swapped'
  ) AS former ON true;
$$;
