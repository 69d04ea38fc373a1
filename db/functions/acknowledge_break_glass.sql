-- Closes an item of break-glass by somebody who is not its caller, and records it. `shown` is the number of tokens that the
-- approver was shown: if more were revealed since, the item stays open. `problem` says why it stays open: 'no_person',
-- 'not_found', 'own', 'acknowledged' or 'more_revealed'. That is recorded too.
CREATE OR REPLACE FUNCTION vault.acknowledge_break_glass(
  request_id text, source vault.principal_source, principal text, reason text, item uuid, shown integer,
  OUT state text, OUT tokens integer, OUT problem text, OUT head_id bigint, OUT head_hash bytea, OUT head_at timestamptz
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  approver CONSTANT text := vault.person(source, principal);
  noted vault.break_glass;
BEGIN
  PERFORM vault.lock_audit_chain();
  SELECT * INTO noted FROM vault.break_glass AS found WHERE found.id = item FOR UPDATE;
  problem := CASE
    WHEN approver IS NULL THEN 'no_person'
    WHEN noted.id IS NULL THEN 'not_found'
    WHEN noted.caller = approver THEN 'own'
    WHEN noted.acknowledged_at IS NOT NULL THEN 'acknowledged'
    WHEN noted.tokens IS DISTINCT FROM shown THEN 'more_revealed'
  END;
  IF problem IS NOT NULL THEN
    SELECT * INTO head_id, head_hash, head_at
    FROM vault.deny_event('break_glass', request_id, source, principal, reason, item, problem);
    RETURN;
  END IF;
  state := 'acknowledged';
  tokens := noted.tokens;
  UPDATE vault.break_glass AS found SET
    acknowledged_by = acknowledge_break_glass.principal, acknowledged_at = clock_timestamp()
  WHERE found.id = item;
  SELECT * INTO head_id, head_hash, head_at FROM vault.append_event(
    'break_glass', request_id, source, principal, reason, state, json_build_object('item', item, 'tokens', tokens)
  );
END;
$$;
