-- The requests that can still be decided or used, without their tokens, the oldest first.
CREATE OR REPLACE FUNCTION vault.open_requests() RETURNS TABLE (
  id uuid, caller text, requested_by text, reason text, tokens integer, digest bytea, state text,
  requested_at timestamptz, expires_at timestamptz, decided_by text, usable_until timestamptz
)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT asked.id, asked.caller, asked.principal, asked.reason, cardinality(asked.tokens), asked.digest, asked.state,
    asked.requested_at, asked.expires_at, asked.decided_by, asked.usable_until
  FROM vault.reveal_requests AS asked
  WHERE vault.is_open(asked)
  ORDER BY asked.requested_at LIMIT 1000;
$$;
