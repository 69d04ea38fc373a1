-- Takes a rotation back that has not swapped yet: called once before vault.sweep_tokens and once after it, as `swept`.
CREATE OR REPLACE FUNCTION vault.abort_rotation(request_id text, principal text, reason text, swept boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET lock_timeout = '30s' AS $$
DECLARE
  former integer;
BEGIN
  LOCK TABLE vault.token_map IN EXCLUSIVE MODE;
  SELECT from_generation INTO former FROM vault.rotation WHERE phase IN ('mapping', 'aborting');
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no rotation is under way that could be taken back' USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  IF NOT swept THEN
    PERFORM vault.lock_audit_chain();
    UPDATE vault.rotation SET phase = 'aborting';
    RETURN;
  END IF;
  IF EXISTS (
    SELECT FROM vault.token_map AS map JOIN vault.pii_vault AS value ON value.token = map.new_token
  ) THEN
    RAISE EXCEPTION 'values under the next names are left' USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  PERFORM vault.forget_names();
  DELETE FROM vault.rotation;
  PERFORM vault.append_event(
    'rotate'::vault.audit_action, request_id, 'claimed'::vault.principal_source, principal, reason, 'aborted',
    json_build_object('from', former, 'to', former + 1)
  );
END;
$$;
