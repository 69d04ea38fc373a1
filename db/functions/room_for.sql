-- How much of its limit a caller of a role has left in this hour ('' for all callers together), and when there will be
-- room for `wanted`: null when there is now, or never will be. Right only while the audit chain is locked.
CREATE OR REPLACE FUNCTION vault.room_for(
  role text, caller text, allowed bigint, wanted integer, OUT remaining bigint, OUT retry_at timestamptz
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  now CONSTANT timestamptz := clock_timestamp();
  -- totals only grow, so an hour's use is the difference between the newest total and the newest one outside the hour
  newest bigint;
  outside bigint;
BEGIN
  SELECT coalesce(max(usage.total), 0) INTO newest FROM vault.usage
  WHERE usage.role = room_for.role AND usage.caller = room_for.caller;

  SELECT coalesce(max(edge.total), 0) INTO outside FROM (
    (SELECT usage.total FROM vault.usage
     WHERE usage.role = room_for.role AND usage.caller = room_for.caller AND usage.at <= now - interval '1 hour'
     ORDER BY usage.at DESC, usage.total DESC LIMIT 1)
    UNION ALL
    -- written while the clock was ahead: it must not count until the clock gets there
    (SELECT usage.total FROM vault.usage
     WHERE usage.role = room_for.role AND usage.caller = room_for.caller AND usage.at > now + interval '1 minute'
     ORDER BY usage.at DESC, usage.total DESC LIMIT 1)
  ) AS edge;

  remaining := greatest(0, allowed - (newest - outside));
  IF wanted > remaining AND wanted <= allowed THEN
    SELECT usage.at + interval '1 hour' INTO retry_at FROM vault.usage
    WHERE usage.role = room_for.role AND usage.caller = room_for.caller
      AND usage.total >= newest + wanted - allowed
    ORDER BY usage.total LIMIT 1;
  END IF;
END;
$$;
