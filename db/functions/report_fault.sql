-- Records why taken values were not returned: once, one more audit row for each token of that claim. The rows that say
-- `revealed` stay, because the values were handed out. Returns the head of the chain.
CREATE OR REPLACE FUNCTION vault.report_fault(
  request_id text, tokens text[], outcomes text[], OUT head_id bigint, OUT head_hash bytea, OUT head_at timestamptz
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- a plan from when a table was small must not read all of it later
SET enable_seqscan = off AS $$
DECLARE
  claimed vault.reveal_claims;
  first vault.reveal_audit;
BEGIN
  PERFORM vault.check_tokens(tokens, 10000);
  PERFORM vault.lock_audit_chain();
  UPDATE vault.reveal_claims AS claim SET fault_reported_at = clock_timestamp()
  WHERE claim.role = session_user AND claim.request_id = report_fault.request_id
    AND claim.taken_at IS NOT NULL AND claim.fault_reported_at IS NULL
  RETURNING * INTO claimed;
  IF NOT FOUND OR cardinality(tokens) <> cardinality(outcomes)
    OR NOT outcomes <@ ARRAY['seal_broken', 'unavailable', 'withheld']
    OR EXISTS (
      SELECT FROM unnest(tokens) AS named (token) WHERE NOT EXISTS (
        SELECT FROM vault.reveal_audit AS audit
        WHERE audit.id BETWEEN claimed.first_audit_id AND claimed.last_audit_id
          AND audit.token = named.token AND audit.outcome = 'revealed'
      )
    )
  THEN
    RAISE EXCEPTION 'a fault is reported once, of tokens that were taken under this request'
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  SELECT * INTO STRICT first FROM vault.reveal_audit AS audit WHERE audit.id = claimed.first_audit_id;
  SELECT * INTO head_id, head_hash, head_at FROM vault.append_audit(
    'reveal'::vault.audit_action, first.request_id, first.principal_source, first.principal, first.reason, tokens, outcomes
  );
END;
$$;
