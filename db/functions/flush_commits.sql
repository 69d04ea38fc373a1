-- Returns when every commit that this session can see is on disk, also a commit that did not wait for it
-- (synchronous_commit = off). Raises an error if that takes more than two seconds.
CREATE OR REPLACE FUNCTION vault.flush_commits() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  written pg_lsn;
BEGIN
  BEGIN
    written := pg_current_wal_insert_lsn();
    IF pg_current_wal_flush_lsn() >= written THEN RETURN; END IF;
  EXCEPTION WHEN object_not_in_prerequisite_state OR feature_not_supported THEN
    -- Aurora gives no positions while logical replication is off
    written := NULL;
  END;
  IF current_setting('server_version_num')::integer >= 170000 THEN
    PERFORM pg_logical_emit_message(false, 'vault', '', true);
    RETURN;
  END IF;
  -- before Postgres 17 no SQL function flushes: the WAL writer does, within three times its delay
  FOR attempt IN 1..400 LOOP
    IF written IS NULL OR pg_current_wal_flush_lsn() >= written THEN RETURN; END IF;
    PERFORM pg_sleep(0.005);
  END LOOP;
  RAISE EXCEPTION 'the record of this reveal is not on disk yet' USING ERRCODE = 'cannot_connect_now';
END;
$$;
