-- Deletes expired claims; returns how many.
CREATE OR REPLACE FUNCTION vault.prune_claims() RETURNS integer
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH gone AS (
    DELETE FROM vault.reveal_claims AS claim
    WHERE claim.expires_at < clock_timestamp() - interval '5 minutes' RETURNING claim.request_id
  )
  SELECT count(*)::integer FROM gone;
$$;
