-- Counts a request of `asked` tokens, of which `used` count against the limits of a caller and of all callers of the role.
-- The others are counted as refused.
CREATE OR REPLACE FUNCTION vault.use_limits(role text, caller text, asked integer, used integer) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  now CONSTANT timestamptz := clock_timestamp();
BEGIN
  INSERT INTO vault.usage AS counted (role, caller, minute, used)
  SELECT kind.role, who, date_bin('1 minute', now, 'epoch'), kind.used
  FROM (VALUES (use_limits.role, use_limits.used), (use_limits.role || ' refused', asked - use_limits.used))
    AS kind (role, used)
  CROSS JOIN unnest(ARRAY[use_limits.caller, '']) AS who
  WHERE kind.used > 0
  ON CONFLICT ON CONSTRAINT usage_role_caller_minute_pk DO UPDATE SET used = counted.used + excluded.used;
  DELETE FROM vault.usage AS counted
  WHERE counted.ctid = ANY (ARRAY(
    -- whoever has one of them locked must not keep this, which has the lock of the audit, waiting
    SELECT old.ctid FROM vault.usage AS old
    WHERE old.role = use_limits.role AND old.caller IN (use_limits.caller, '')
      AND old.minute < now - interval '2 hours'
    FOR UPDATE SKIP LOCKED
  ));
END;
$$;
