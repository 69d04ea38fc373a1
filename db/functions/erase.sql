-- Deletes the sealed values of the tokens and records it, a tombstone for each of them and one audit row for each token. It
-- holds the chain's lock, so that no reveal is recorded as later than an erase that it did not see. Returns one row for
-- each token, in the order asked; the columns after `outcome` are the same in every row.
CREATE OR REPLACE FUNCTION vault.erase(
  request_id text, source vault.principal_source, principal text, reason text, tokens text[]
) RETURNS TABLE (
  token text, outcome text, exceeded text, allowed integer, remaining bigint, retry_at timestamptz,
  head_id bigint, head_hash bytea, head_at timestamptz
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- a plan from when a table was small must not read all of it later
SET enable_seqscan = off AS $$
DECLARE
  caller CONSTANT text := vault.quota_holder(source, principal);
  names text[];
  keys bytea[];
  deleted text[] := '{}';
  outcomes text[];
BEGIN
  PERFORM vault.check_tokens(tokens);
  PERFORM vault.lock_audit_chain();
  -- only now: while the lock was waited for, the tokens may have got other names
  names := vault.present_tokens(tokens);
  keys := ARRAY(SELECT vault.token_bytes(name) FROM unnest(names) AS name);
  SELECT * INTO exceeded, allowed, remaining, retry_at
  FROM vault.check_limits(session_user::text, caller, cardinality(tokens));

  IF exceeded IS NULL THEN
    WITH gone AS (
      DELETE FROM vault.pii_vault AS value
      WHERE value.token = ANY (keys) AND vault.token_text(value.kind, value.token) = ANY (names)
      RETURNING value.kind, value.token
    ), recorded AS (
      INSERT INTO vault.tombstones AS tombstone (kind, token, ended)
      SELECT gone.kind, gone.token, 'erased' FROM gone
      ON CONFLICT ON CONSTRAINT tombstones_pkey DO UPDATE SET ended = excluded.ended
    )
    SELECT coalesce(array_agg(vault.token_text(gone.kind, gone.token)), '{}') INTO deleted FROM gone;
    PERFORM vault.forget_counterparts(ARRAY(SELECT vault.token_bytes(name) FROM unnest(deleted) AS name));
  END IF;
  SELECT array_agg(
    CASE
      WHEN exceeded IS NOT NULL THEN 'denied'
      WHEN asked.token = ANY (deleted) THEN 'erased'
      WHEN EXISTS (
        SELECT FROM vault.tombstones AS gone
        WHERE gone.token = vault.token_bytes(asked.token) AND gone.ended = 'erased'
          AND vault.token_text(gone.kind, gone.token) = asked.token
      ) THEN 'already_erased'
      ELSE 'unknown'
    END ORDER BY asked.position
  ) INTO outcomes
  FROM unnest(names) WITH ORDINALITY AS asked (token, position);

  SELECT * INTO head_id, head_hash, head_at
  FROM vault.append_audit('erase'::vault.audit_action, request_id, source, principal, reason, names, outcomes);
  PERFORM vault.use_limits(session_user::text, caller, cardinality(tokens), cardinality(deleted));

  RETURN QUERY
  SELECT asked.token, asked.outcome, erase.exceeded, erase.allowed, erase.remaining, erase.retry_at,
    erase.head_id, erase.head_hash, erase.head_at
  FROM unnest(names, outcomes) WITH ORDINALITY AS asked (token, outcome, position) ORDER BY asked.position;
END;
$$;
