-- Trigger: refuses UPDATE, DELETE and TRUNCATE of the audit, also to its owner.
CREATE OR REPLACE FUNCTION vault.refuse_audit_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'vault.reveal_audit is append-only' USING ERRCODE = 'insufficient_privilege';
END;
$$;
