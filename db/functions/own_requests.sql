-- A caller's own requests, without their tokens, the newest first.
CREATE OR REPLACE FUNCTION vault.own_requests(source vault.principal_source, principal text) RETURNS TABLE (
  id uuid, caller text, requested_by text, reason text, tokens integer, digest bytea, state text,
  requested_at timestamptz, expires_at timestamptz, decided_by text, usable_until timestamptz
)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT asked.id, asked.caller, asked.principal, asked.reason, cardinality(asked.tokens), asked.digest,
    CASE WHEN asked.state IN ('requested', 'approved') AND NOT vault.is_open(asked) THEN 'expired' ELSE asked.state END,
    asked.requested_at, asked.expires_at, asked.decided_by, asked.usable_until
  FROM vault.reveal_requests AS asked
  WHERE asked.caller = vault.person(source, own_requests.principal)
  ORDER BY asked.requested_at DESC LIMIT 100;
$$;
