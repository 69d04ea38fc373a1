-- Waits until no other transaction appends to the audit, and prevents others until this one ends, so that a decision
-- after this call is still right when it is recorded.
CREATE OR REPLACE FUNCTION vault.lock_audit_chain() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- an older snapshot would not see what others recorded before this transaction got the lock
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'the audit is written in read committed transactions only'
      USING ERRCODE = 'invalid_transaction_state';
  END IF;
  -- any role can lower this for itself, and a crash must not remove the record
  IF current_setting('synchronous_commit') = 'off' THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
  PERFORM set_config('lock_timeout', '4s', true);
  PERFORM FROM vault.audit_head FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    -- whoever has the lock has had it for less than that when somebody appended in between
    IF (SELECT head.at < clock_timestamp() - interval '10 seconds' FROM vault.audit_head AS head) THEN
      PERFORM vault.end_stale_sessions();
    END IF;
    PERFORM FROM vault.audit_head FOR UPDATE;
  END IF;
  -- a swap has a long transaction, and this lock only at its end: vault.end_stale_sessions must know since when
  IF session_user = 'vault_rotate' THEN
    PERFORM pg_advisory_xact_lock(
      ('vault.audit_head'::regclass::oid::bigint << 32) + extract(epoch FROM clock_timestamp())::bigint
    );
  END IF;
END;
$$;
