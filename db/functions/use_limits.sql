-- Counts `used` more against the limits of a caller and of all callers of a role.
CREATE OR REPLACE FUNCTION vault.use_limits(role text, caller text, used integer) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  now CONSTANT timestamptz := clock_timestamp();
  counted text;
  newest bigint;
BEGIN
  IF used = 0 THEN RETURN; END IF;
  FOREACH counted IN ARRAY ARRAY[caller, ''] LOOP
    SELECT coalesce(max(usage.total), 0) INTO newest FROM vault.usage
    WHERE usage.role = use_limits.role AND usage.caller = counted;
    INSERT INTO vault.usage (role, caller, total, at) VALUES (use_limits.role, counted, newest + used, now);
    -- an hour's use is counted from the newest row outside the hour: older ones are not read again
    DELETE FROM vault.usage
    WHERE usage.role = use_limits.role AND usage.caller = counted AND usage.total < (
      SELECT edge.total FROM vault.usage AS edge
      WHERE edge.role = use_limits.role AND edge.caller = counted AND edge.at <= now - interval '1 hour'
      ORDER BY edge.at DESC, edge.total DESC LIMIT 1
    );
  END LOOP;
END;
$$;
