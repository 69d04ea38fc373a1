-- How much of the limit a caller of a role has left in this hour ('': all callers together), and when there will be
-- room for `wanted` more: null if there is room now, or never will be. The use of a minute counts until an hour after
-- its end. Correct only while the audit chain is locked.
CREATE OR REPLACE FUNCTION vault.room_for(
  role text, caller text, allowed integer, wanted integer, OUT remaining bigint, OUT retry_at timestamptz
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  now CONSTANT timestamptz := clock_timestamp();
BEGIN
  SELECT greatest(0, allowed - coalesce(max(counted.since), 0)),
    -- the newest minute that must expire, with all before it, to leave room
    max(counted.minute) FILTER (WHERE counted.since + wanted > allowed) + interval '61 minutes'
  INTO remaining, retry_at
  FROM (
    SELECT usage.minute, sum(usage.used) OVER (ORDER BY usage.minute DESC) AS since FROM vault.usage
    WHERE usage.role = room_for.role AND usage.caller = room_for.caller
      AND usage.minute > now - interval '61 minutes'
      -- use that was written while the clock was ahead counts when the clock gets there
      AND usage.minute < now + interval '1 minute'
  ) AS counted;
  IF wanted > allowed THEN retry_at := NULL; END IF;
END;
$$;
