-- Withdraws a caller's own request that is open, and records it. `problem` says why nothing was withdrawn: 'not_found', or
-- the state that the request is in.
CREATE OR REPLACE FUNCTION vault.withdraw_request(
  request_id text, source vault.principal_source, principal text, item uuid,
  OUT state text, OUT tokens integer, OUT problem text, OUT head_id bigint, OUT head_hash bytea, OUT head_at timestamptz
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  asked vault.reveal_requests;
BEGIN
  PERFORM vault.lock_audit_chain();
  SELECT * INTO asked FROM vault.reveal_requests AS request WHERE request.id = item FOR UPDATE;
  problem := CASE
    WHEN asked.id IS NULL OR asked.caller IS DISTINCT FROM vault.person(source, principal) THEN 'not_found'
    WHEN vault.is_open(asked) THEN NULL
    WHEN asked.state IN ('requested', 'approved') THEN 'expired'
    ELSE asked.state
  END;
  IF problem IS NOT NULL THEN RETURN; END IF;
  state := 'withdrawn';
  tokens := cardinality(asked.tokens);
  UPDATE vault.reveal_requests AS request SET state = 'withdrawn', ended_at = clock_timestamp() WHERE request.id = item;
  SELECT * INTO head_id, head_hash, head_at FROM vault.append_event(
    'approval', request_id, source, principal, asked.reason, state,
    json_build_object('item', item, 'tokens', tokens, 'digest', encode(asked.digest, 'hex'))
  );
END;
$$;
