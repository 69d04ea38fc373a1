-- Ends those of these sessions that are of vault_ingest; null: all of them. Only for a time in which ingest is paused.
CREATE OR REPLACE FUNCTION vault.end_ingest(pids integer[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- does not wait for their end: who comes again must not be faster than whoever waits for the lock
  PERFORM pg_terminate_backend(activity.pid) FROM pg_stat_activity AS activity
  WHERE activity.datname = current_database() AND activity.usename = 'vault_ingest'
    AND (pids IS NULL OR activity.pid = ANY (pids));
END;
$$;
