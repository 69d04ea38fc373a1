-- The last row of the audit chain; id 0 if there is none.
CREATE OR REPLACE FUNCTION vault.audit_chain_head() RETURNS TABLE (id bigint, hash bytea, at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT head.id, head.hash, head.at FROM vault.audit_head AS head;
$$;
