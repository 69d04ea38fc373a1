-- Approves or refuses a request, whose digest the approver was shown, and records it. An approval can be used within an
-- hour. `problem` says why nothing was decided: 'no_person' (the approver cannot be told from others), 'not_found', 'own'
-- (the approver is the caller), 'different' (another digest), or the state that the request is in. That is recorded too.
CREATE OR REPLACE FUNCTION vault.decide_request(
  request_id text, source vault.principal_source, principal text, reason text,
  item uuid, digest bytea, decision text,
  OUT state text, OUT tokens integer, OUT usable_until timestamptz, OUT problem text,
  OUT head_id bigint, OUT head_hash bytea, OUT head_at timestamptz
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  approver CONSTANT text := vault.person(source, principal);
  asked vault.reveal_requests;
BEGIN
  IF decision IS NULL OR decision NOT IN ('approved', 'refused') THEN
    RAISE EXCEPTION 'a decision is approved or refused' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM vault.lock_audit_chain();
  SELECT * INTO asked FROM vault.reveal_requests AS request WHERE request.id = item FOR UPDATE;
  problem := CASE
    WHEN approver IS NULL THEN 'no_person'
    WHEN asked.id IS NULL THEN 'not_found'
    WHEN asked.caller = approver THEN 'own'
    WHEN asked.state <> 'requested' THEN asked.state
    WHEN NOT vault.is_open(asked) THEN 'expired'
    WHEN asked.digest IS DISTINCT FROM decide_request.digest THEN 'different'
  END;
  IF problem IS NOT NULL THEN
    SELECT * INTO head_id, head_hash, head_at
    FROM vault.deny_event('approval', request_id, source, principal, reason, item, problem);
    RETURN;
  END IF;

  state := decision;
  tokens := cardinality(asked.tokens);
  usable_until := CASE decision WHEN 'approved' THEN clock_timestamp() + interval '1 hour' END;
  UPDATE vault.reveal_requests AS request SET
    state = decision, decided_by = decide_request.principal, usable_until = decide_request.usable_until,
    ended_at = CASE decision WHEN 'refused' THEN clock_timestamp() END
  WHERE request.id = item;
  SELECT * INTO head_id, head_hash, head_at FROM vault.append_event(
    'approval', request_id, source, principal, reason, decision,
    json_build_object('item', item, 'tokens', tokens, 'digest', encode(asked.digest, 'hex'))
  );
END;
$$;
