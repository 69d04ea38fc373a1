-- What an approver decides on, in 32 bytes: SHA-256 over the stage, the caller, the expiry in microseconds, the reason and
-- the sorted tokens as netstrings, `length:bytes,`. lib/requests/request-digest.ts builds the same bytes.
CREATE OR REPLACE FUNCTION vault.request_digest(
  stage text, caller text, expires_at timestamptz, reason text, tokens text[]
) RETURNS bytea
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT sha256(convert_to(
    string_agg(octet_length(convert_to(field, 'UTF8'))::text || ':' || field || ',', '' ORDER BY position), 'UTF8'
  ))
  FROM unnest(
    ARRAY[stage, caller, (extract(epoch FROM expires_at) * 1000000)::bigint::text, reason]
    || ARRAY(SELECT token FROM unnest(tokens) AS token ORDER BY token COLLATE "C")
  ) WITH ORDINALITY AS fields (field, position);
$$;
