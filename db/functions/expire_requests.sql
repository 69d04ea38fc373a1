-- Records the requests that nobody decided or used in time, and deletes what ended a week ago: the audit keeps it. Returns
-- how many expired.
CREATE OR REPLACE FUNCTION vault.expire_requests() RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  asked vault.reveal_requests;
  expired integer := 0;
BEGIN
  PERFORM vault.lock_audit_chain();
  FOR asked IN
    UPDATE vault.reveal_requests AS request SET state = 'expired', ended_at = clock_timestamp()
    WHERE request.state IN ('requested', 'approved') AND NOT vault.is_open(request)
    RETURNING request.*
  LOOP
    expired := expired + 1;
    PERFORM vault.append_event(
      'approval', asked.id::text, 'vault', 'maintain', asked.reason, 'expired',
      json_build_object('item', asked.id, 'tokens', cardinality(asked.tokens), 'digest', encode(asked.digest, 'hex'))
    );
  END LOOP;
  DELETE FROM vault.reveal_requests AS request WHERE request.ended_at < clock_timestamp() - interval '168 hours';
  DELETE FROM vault.break_glass AS noted WHERE noted.acknowledged_at < clock_timestamp() - interval '168 hours';
  RETURN expired;
END;
$$;
