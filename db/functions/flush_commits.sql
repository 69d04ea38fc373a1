-- Returns once the write-ahead log is on disk up to this position, and with it every commit before that, also one that
-- did not wait for that itself (synchronous_commit = off). Raises where that does not happen within a second.
CREATE OR REPLACE FUNCTION vault.flush_commits(written pg_lsn) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF written IS NOT NULL AND pg_current_wal_flush_lsn() >= written THEN RETURN; END IF;
  IF current_setting('server_version_num')::integer >= 170000 THEN
    PERFORM pg_logical_emit_message(false, 'vault', '', true);
    RETURN;
  END IF;
  -- before Postgres 17 no function flushes: the walwriter does, within three times its delay; but not what this transaction
  -- itself has written, by tidying a page of the catalog that it read first. Whoever called tries again in another one
  FOR attempt IN 1..200 LOOP
    IF written IS NULL OR pg_current_wal_flush_lsn() >= written THEN RETURN; END IF;
    PERFORM pg_sleep(0.005);
  END LOOP;
  RAISE EXCEPTION 'the record of this reveal is not on disk yet' USING ERRCODE = 'cannot_connect_now';
END;
$$;
