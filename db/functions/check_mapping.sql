-- Raises an error unless sealed values may be read to be mapped: a rotation maps them, and its record in the audit is there for
-- good.
CREATE OR REPLACE FUNCTION vault.check_mapping() RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- what this transaction wrote may be rolled back, such as the record that the rotation has begun
  IF pg_current_xact_id_if_assigned() IS NOT NULL THEN
    RAISE EXCEPTION 'values are read in transactions of their own' USING ERRCODE = 'invalid_transaction_state';
  END IF;
  IF NOT EXISTS (SELECT FROM vault.rotation WHERE phase = 'mapping') THEN
    RAISE EXCEPTION 'values are read only while a rotation maps them' USING ERRCODE = 'insufficient_privilege';
  END IF;
END;
$$;
