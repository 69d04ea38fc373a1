-- Hands out the sealed values that vault.claim_reveal recorded as revealed under this request: once, to the role that
-- claimed them, within a minute, in a later transaction, and only after the claim's transaction is on disk. Values that
-- were erased since are left out. Returns one row for each value, in no order.
CREATE OR REPLACE FUNCTION vault.take_revealed(request_id text) RETURNS TABLE (
  claimed_token text, token text, kind text, ciphertext bytea, data_key_id uuid, wrapped_key bytea, kms_key_arn text
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- a plan from when a table was small must not read all of it later
SET enable_seqscan = off AS $$
DECLARE
  -- in this order, and before this function reads or writes a row, which can write to the log too: what ended before
  -- the snapshot was in the log before the position
  snapshot CONSTANT pg_snapshot := pg_current_snapshot();
  written CONSTANT pg_lsn := vault.wal_position();
  committed xid8;
  claimed vault.reveal_claims;
  tokens text[];
BEGIN
  -- an older snapshot would still see what an erase has removed
  IF pg_is_in_recovery() OR current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'revealed values are taken on the primary, in read committed transactions only'
      USING ERRCODE = 'invalid_transaction_state';
  END IF;
  SELECT claim.transaction INTO committed FROM vault.reveal_claims AS claim
  WHERE claim.role = session_user AND claim.request_id = take_revealed.request_id
    AND claim.transaction <> pg_current_xact_id() AND pg_xact_status(claim.transaction) = 'committed'
    AND pg_visible_in_snapshot(claim.transaction, snapshot);
  IF FOUND THEN PERFORM vault.flush_commits(written); END IF;
  UPDATE vault.reveal_claims AS claim SET taken_at = clock_timestamp()
  WHERE claim.role = session_user AND claim.request_id = take_revealed.request_id AND claim.taken_at IS NULL
    AND claim.expires_at > clock_timestamp() AND claim.transaction = committed
  RETURNING * INTO claimed;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no committed claim of this request that is still to be taken'
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  -- the claim is the record: that it was taken need not be on disk
  PERFORM set_config('synchronous_commit', 'off', true);

  tokens := ARRAY(
    SELECT DISTINCT audit.token FROM vault.reveal_audit AS audit
    WHERE audit.id BETWEEN claimed.first_audit_id AND claimed.last_audit_id AND audit.outcome = 'revealed'
  );
  RETURN QUERY
  SELECT tokens[named.position], named.token, value.kind::text, value.ciphertext, key.id,
    key.wrapped_key, key.kms_key_arn
  -- the token key may have been replaced since the claim
  FROM vault.split_tokens(vault.present_tokens(tokens)) AS named
  JOIN vault.pii_vault AS value ON value.token = named.bytes AND value.kind::text = named.kind
  JOIN vault.data_keys AS key ON key.id = value.data_key_id;
END;
$$;
