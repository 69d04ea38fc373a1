-- Records that somebody tried what an approval does not allow, and why not; returns the head of the chain.
CREATE OR REPLACE FUNCTION vault.deny_event(
  action vault.audit_action, request_id text, source vault.principal_source, principal text, reason text,
  item uuid, problem text, OUT id bigint, OUT hash bytea, OUT at timestamptz
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM vault.count_event('denied decisions', vault.quota_holder(source, principal), 100, 1000);
  SELECT added.* INTO id, hash, at FROM vault.append_event(
    action, request_id, source, principal, reason, 'denied', json_build_object('item', item, 'problem', problem)
  ) AS added;
END;
$$;
