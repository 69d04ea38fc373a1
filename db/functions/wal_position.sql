-- How far the write-ahead log goes; null where the database does not tell, such as Aurora while logical replication is
-- off.
CREATE OR REPLACE FUNCTION vault.wal_position() RETURNS pg_lsn
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN pg_current_wal_insert_lsn();
EXCEPTION WHEN object_not_in_prerequisite_state OR feature_not_supported THEN
  RETURN NULL;
END;
$$;
