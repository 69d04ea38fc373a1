-- Records that the audit was verified up to this row. The row must exist, with this hash.
CREATE OR REPLACE FUNCTION vault.add_checkpoint(id bigint, hash bytea) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- another session may have added the same one and not committed
SET lock_timeout = '4s' AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM vault.reveal_audit AS audit
    WHERE audit.id = add_checkpoint.id AND audit.hash = add_checkpoint.hash
  ) THEN
    RAISE EXCEPTION 'the audit has no such row' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  INSERT INTO vault.audit_checkpoints AS checkpoint (id, hash)
  VALUES (add_checkpoint.id, add_checkpoint.hash)
  ON CONFLICT ON CONSTRAINT audit_checkpoints_pkey DO NOTHING;
END;
$$;
