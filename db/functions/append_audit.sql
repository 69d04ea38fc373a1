-- Appends one audit row for each token, in the order given, and returns the head of the chain.
CREATE OR REPLACE FUNCTION vault.append_audit(
  action vault.audit_action, request_id text, source vault.principal_source, principal text, reason text,
  tokens text[], outcomes text[], OUT id bigint, OUT hash bytea, OUT at timestamptz
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- the trigger sets id, at and the hashes
  INSERT INTO vault.reveal_audit (action, request_id, principal, principal_source, reason, token, outcome)
  SELECT append_audit.action, append_audit.request_id, append_audit.principal, append_audit.source,
    append_audit.reason, entry.token, entry.outcome
  FROM unnest(tokens, outcomes) WITH ORDINALITY AS entry (token, outcome, position)
  ORDER BY entry.position;
  SELECT head.id, head.hash, head.at INTO STRICT append_audit.id, append_audit.hash, append_audit.at
  FROM vault.audit_head AS head;
END;
$$;
