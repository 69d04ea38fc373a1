-- Ends the grace after a swap: proves that the former token key unlocks nothing any more, and deletes vault.token_map. From
-- then on nobody can tell which token took the place of a former one. Logins that somebody stored with former tokens since
-- the swap are rewritten before. Raises an error if something is left. Returns what was proved, as
-- JSON; or only `blockers`, the sessions that keep these logins from that.
CREATE OR REPLACE FUNCTION vault.finish_rotation(
  columns text[], request_id text, principal text, reason text
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET lock_timeout = '30s' AS $$
DECLARE
  former integer;
  names bigint;
  late bigint := 0;
  blockers json;
  remaining bigint := vault.former_tokens_left(columns);
  proof json;
BEGIN
  SELECT from_generation INTO STRICT former FROM vault.rotation WHERE phase = 'swapped';
  IF remaining > 0 THEN
    blockers := vault.lock_logins();
    IF blockers IS NOT NULL THEN RETURN json_build_object('blockers', blockers); END IF;
    late := (vault.swap_rest(columns, former)).rewritten;
    remaining := vault.former_tokens_left(columns);
  END IF;
  IF remaining > 0 THEN
    RAISE EXCEPTION '% rows are left under tokens of the former generation', remaining
      USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  SELECT count(*) INTO names FROM vault.token_map;
  PERFORM vault.forget_names();
  DELETE FROM vault.rotation;
  proof := json_build_object('from', former, 'to', former + 1, 'names', names, 'late', late, 'left', remaining);
  PERFORM vault.append_event(
    'rotate'::vault.audit_action, request_id, 'claimed'::vault.principal_source, principal, reason, 'finished', proof
  );
  RETURN proof;
END;
$$;
