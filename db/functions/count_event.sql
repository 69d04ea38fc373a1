-- Counts one more event of a kind in this hour, of a caller and of all callers. Raises where there were so many that more
-- rows would only fill the audit.
CREATE OR REPLACE FUNCTION vault.count_event(kind text, caller text, per_caller integer, overall integer) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF least(
    (vault.room_for(kind, caller, per_caller, 1)).remaining, (vault.room_for(kind, ''::text, overall, 1)).remaining
  ) < 1 THEN
    RAISE EXCEPTION 'too many in this hour: %', kind USING ERRCODE = 'configuration_limit_exceeded';
  END IF;
  PERFORM vault.use_limits(kind, caller, 1, 1);
END;
$$;
