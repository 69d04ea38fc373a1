-- Empties vault.token_map, and takes the lock of the audit. A session that has read the map in a transaction that is still open,
-- such as a notebook, must not keep a rotation from ending.
CREATE OR REPLACE FUNCTION vault.forget_names() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  BEGIN
    PERFORM vault.lock_audit_chain();
    LOCK TABLE vault.token_map IN ACCESS EXCLUSIVE MODE NOWAIT;
    TRUNCATE vault.token_map;
  EXCEPTION WHEN lock_not_available THEN
    -- takes longer, so nobody must wait for the audit meanwhile
    DELETE FROM vault.token_map;
    PERFORM vault.lock_audit_chain();
  END;
END;
$$;
