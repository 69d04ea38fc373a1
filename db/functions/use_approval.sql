-- Uses an approved request, once, and records it. Returns null, or why it cannot be used for these tokens and this
-- reason: 'not_found', 'different', or the state that it is in.
CREATE OR REPLACE FUNCTION vault.use_approval(
  request_id text, source vault.principal_source, principal text, reason text, tokens text[], approval uuid
) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  caller CONSTANT text := vault.person(source, principal);
  rule vault.approval_rule;
  asked vault.reveal_requests;
BEGIN
  SELECT * INTO rule FROM vault.approval_rule;
  SELECT * INTO asked FROM vault.reveal_requests AS request WHERE request.id = approval FOR UPDATE;
  -- another caller's request is not there
  IF asked.caller IS NULL OR caller IS NULL OR asked.caller <> caller THEN RETURN 'not_found'; END IF;
  IF asked.state NOT IN ('requested', 'approved') THEN RETURN asked.state; END IF;
  IF NOT vault.is_open(asked) THEN RETURN 'expired'; END IF;
  IF asked.state <> 'approved' THEN RETURN asked.state; END IF;
  IF asked.digest <> vault.request_digest(rule.stage, caller, asked.expires_at, reason, tokens) THEN
    RETURN 'different';
  END IF;
  UPDATE vault.reveal_requests AS request SET state = 'used', ended_at = clock_timestamp() WHERE request.id = approval;
  PERFORM vault.append_event(
    'approval', request_id, source, principal, reason, 'used',
    json_build_object('item', approval, 'tokens', cardinality(tokens), 'digest', encode(asked.digest, 'hex'))
  );
  RETURN NULL;
END;
$$;
