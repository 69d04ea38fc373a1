-- Appends one audit row without a token, and returns the head of the chain. `detail` says what it is about.
CREATE OR REPLACE FUNCTION vault.append_event(
  action vault.audit_action, request_id text, source vault.principal_source, principal text, reason text, outcome text,
  detail json, OUT id bigint, OUT hash bytea, OUT at timestamptz
)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT added.id, added.hash, added.at
  FROM vault.append_audit(
    action, request_id, source, principal, reason, ARRAY[NULL]::text[], ARRAY[outcome], detail::text
  ) AS added;
$$;
