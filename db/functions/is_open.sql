-- Whether a request can still be decided or used.
CREATE OR REPLACE FUNCTION vault.is_open(asked vault.reveal_requests) RETURNS boolean
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  SELECT asked.state = 'requested' AND asked.expires_at > clock_timestamp()
    OR asked.state = 'approved' AND asked.usable_until > clock_timestamp();
$$;
