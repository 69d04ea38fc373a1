-- How much of its limit a caller of a role has left in this hour ('' for all callers together), and when there will be
-- room for `wanted`: null when there is now, or never will be. A minute's use counts until an hour after its end. Right
-- only while the audit chain is locked.
CREATE OR REPLACE FUNCTION vault.room_for(
  role text, caller text, allowed integer, wanted integer, OUT remaining bigint, OUT retry_at timestamptz
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  now CONSTANT timestamptz := clock_timestamp();
BEGIN
  SELECT greatest(0, allowed - coalesce(max(counted.since), 0)),
    -- the newest minute that has to pass, with all before it, until the rest leaves room
    max(counted.minute) FILTER (WHERE counted.since + wanted > allowed) + interval '61 minutes'
  INTO remaining, retry_at
  FROM (
    SELECT usage.minute, sum(usage.used) OVER (ORDER BY usage.minute DESC) AS since FROM vault.usage
    WHERE usage.role = room_for.role AND usage.caller = room_for.caller
      AND usage.minute > now - interval '61 minutes'
      -- what was written while the clock was ahead does not count until the clock gets there
      AND usage.minute < now + interval '1 minute'
  ) AS counted;
  IF wanted > allowed THEN retry_at := NULL; END IF;
END;
$$;
