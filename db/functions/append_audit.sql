-- Appends one audit row for each token, in the order given, and returns the head of the chain. The row of an event has
-- null for a token, and says in `detail` what it is about. The head is read and written once, however many rows there
-- are: its old versions pile up while anybody keeps a snapshot.
CREATE OR REPLACE FUNCTION vault.append_audit(
  action vault.audit_action, request_id text, source vault.principal_source, principal text, reason text,
  tokens text[], outcomes text[], detail text DEFAULT NULL, OUT id bigint, OUT hash bytea, OUT at timestamptz
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  head vault.audit_head;
  entry vault.reveal_audit;
  entries vault.reveal_audit[] := '{}';
BEGIN
  SELECT * INTO STRICT head FROM vault.audit_head FOR UPDATE;
  entry.id := head.id;
  entry.hash := head.hash;
  -- a clock that was set back must not give a row an earlier time than the row before it
  entry.at := greatest(clock_timestamp(), head.at);
  entry.action := append_audit.action;
  entry.request_id := append_audit.request_id;
  entry.principal := append_audit.principal;
  entry.principal_source := append_audit.source;
  entry.reason := append_audit.reason;
  entry.detail := append_audit.detail;
  FOR n IN 1..cardinality(tokens) LOOP
    entry.id := entry.id + 1;
    entry.token := tokens[n];
    entry.outcome := outcomes[n];
    entry.previous_hash := entry.hash;
    entry.hash := sha256(vault.audit_content(entry));
    entries := entries || entry;
  END LOOP;
  INSERT INTO vault.reveal_audit SELECT added.* FROM unnest(entries) AS added;
  UPDATE vault.audit_head SET id = entry.id, hash = entry.hash, at = entry.at;
  append_audit.id := entry.id;
  append_audit.hash := entry.hash;
  append_audit.at := entry.at;
END;
$$;
