-- Deletes what is left of requests that are over: claims that nothing can be taken from any more, and use that no
-- longer counts. Returns how many rows.
CREATE OR REPLACE FUNCTION vault.prune_requests() RETURNS integer
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH claims AS (
    DELETE FROM vault.reveal_claims AS claim
    USING (
      -- a session that keeps one of them locked must not keep this from ending
      SELECT old.role, old.request_id FROM vault.reveal_claims AS old
      WHERE old.expires_at < clock_timestamp() - interval '5 minutes' FOR UPDATE SKIP LOCKED
    ) AS old
    WHERE claim.role = old.role AND claim.request_id = old.request_id RETURNING claim.request_id
  ), used AS (
    DELETE FROM vault.usage AS counted
    USING (
      SELECT old.role, old.caller, old.minute FROM vault.usage AS old
      WHERE old.minute < clock_timestamp()
        - CASE old.role WHEN 'revealed in a day' THEN interval '26 hours' ELSE interval '2 hours' END
      FOR UPDATE SKIP LOCKED
    ) AS old
    WHERE counted.role = old.role AND counted.caller = old.caller AND counted.minute = old.minute
    RETURNING counted.role
  )
  SELECT (SELECT count(*) FROM claims)::integer + (SELECT count(*) FROM used)::integer;
$$;
