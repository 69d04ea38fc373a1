-- Deletes what is left of requests that are over: claims that nothing can be taken from any more, and use that no
-- longer counts. Returns how many rows.
CREATE OR REPLACE FUNCTION vault.prune_requests() RETURNS integer
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH claims AS (
    DELETE FROM vault.reveal_claims AS claim
    WHERE claim.expires_at < clock_timestamp() - interval '5 minutes' RETURNING claim.request_id
  ), used AS (
    DELETE FROM vault.usage WHERE usage.minute < clock_timestamp() - interval '2 hours' RETURNING usage.role
  )
  SELECT (SELECT count(*) FROM claims)::integer + (SELECT count(*) FROM used)::integer;
$$;
