-- Begins to replace the token key by the KMS key `next_key`: from now on vault.map_tokens is allowed. Records it in the audit.
-- That key is noted since a stage can get another one meanwhile, and no value may be named under two. Raises an error if a
-- rotation is under way, or if values are suppressed whose tokens nobody could name under the next key; with
-- `end_suppressions` they are suppressed no longer. Every row that a rotation writes into the audit comes after one of
-- these, so it is enough to bound these.
CREATE OR REPLACE FUNCTION vault.begin_rotation(
  request_id text, principal text, reason text, end_suppressions boolean, next_key text
) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  present integer;
  suppressions bigint;
BEGIN
  -- null is for what release 0.3.0 began
  IF next_key IS NULL THEN
    RAISE EXCEPTION 'the next token key is not given' USING ERRCODE = 'null_value_not_allowed';
  END IF;
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
  INSERT INTO vault.rotation (from_generation, phase, next_key) VALUES (present, 'mapping', begin_rotation.next_key);
  PERFORM vault.append_event(
    'rotate'::vault.audit_action, request_id, 'claimed'::vault.principal_source, principal, reason, 'begun',
    json_build_object('from', present, 'to', present + 1, 'nextKey', next_key, 'suppressionsEnded', suppressions)
  );
  RETURN present + 1;
END;
$$;
