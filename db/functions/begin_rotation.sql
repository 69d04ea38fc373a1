-- Begins to replace the token key: from now on vault.map_tokens is allowed. Records it in the audit. Raises an error if a
-- rotation is under way, or if values are suppressed whose tokens nobody could name under the next key; with
-- `end_suppressions` they are suppressed no longer. Every row that a rotation writes into the audit comes after one of
-- these, so it is enough to bound these.
CREATE OR REPLACE FUNCTION vault.begin_rotation(
  request_id text, principal text, reason text, end_suppressions boolean
) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  present integer;
  suppressions bigint;
BEGIN
  PERFORM vault.lock_audit_chain();
  PERFORM vault.count_event('rotations begun'::text, 'vault_rotate'::text, 20, 20);
  SELECT generation INTO STRICT present FROM vault.token_generation;
  IF EXISTS (SELECT FROM vault.rotation) THEN
    RAISE EXCEPTION 'a rotation is under way' USING ERRCODE = 'object_in_use';
  END IF;
  IF end_suppressions THEN
    UPDATE vault.tombstones SET suppressed = false WHERE suppressed;
    GET DIAGNOSTICS suppressions = ROW_COUNT;
  ELSE
    SELECT count(*) INTO suppressions FROM vault.tombstones WHERE suppressed;
    IF suppressions > 0 THEN
      RAISE EXCEPTION '% values are suppressed', suppressions USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
  END IF;
  INSERT INTO vault.rotation (from_generation, phase) VALUES (present, 'mapping');
  PERFORM vault.append_event(
    'rotate'::vault.audit_action, request_id, 'claimed'::vault.principal_source, principal, reason, 'begun',
    json_build_object('from', present, 'to', present + 1, 'suppressionsEnded', suppressions)
  );
  RETURN present + 1;
END;
$$;
