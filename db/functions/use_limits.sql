-- Adds `used` to the use of a caller, and of all callers of the role together.
CREATE OR REPLACE FUNCTION vault.use_limits(role text, caller text, used integer) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  now CONSTANT timestamptz := clock_timestamp();
BEGIN
  IF use_limits.used = 0 THEN RETURN; END IF;
  INSERT INTO vault.usage AS counted (role, caller, minute, used)
  SELECT use_limits.role, who, date_bin('1 minute', now, 'epoch'), use_limits.used
  FROM unnest(ARRAY[use_limits.caller, '']) AS who
  ON CONFLICT ON CONSTRAINT usage_role_caller_minute_pk DO UPDATE SET used = counted.used + excluded.used;
  DELETE FROM vault.usage AS old
  WHERE old.role = use_limits.role AND old.caller IN (use_limits.caller, '')
    AND old.minute < now - interval '2 hours';
END;
$$;
