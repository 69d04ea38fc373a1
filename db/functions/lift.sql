-- Ends the suppression of the tokens' values and records it, one audit row for each token. Returns one row for each
-- token, in the order asked; the columns after `outcome` are the same in every row.
CREATE OR REPLACE FUNCTION vault.lift(
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
  lifted text[] := '{}';
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
    WITH allowed_again AS (
      UPDATE vault.tombstones AS gone SET suppressed = false
      WHERE gone.token = ANY (keys) AND gone.suppressed AND vault.token_text(gone.kind, gone.token) = ANY (names)
      RETURNING gone.kind, gone.token
    )
    SELECT coalesce(array_agg(vault.token_text(again.kind, again.token)), '{}') INTO lifted FROM allowed_again AS again;
    -- the vault never held these
    DELETE FROM vault.tombstones AS gone WHERE gone.token = ANY (keys) AND gone.ended IS NULL AND NOT gone.suppressed;
  END IF;
  SELECT array_agg(
    CASE WHEN exceeded IS NOT NULL THEN 'denied' WHEN asked.token = ANY (lifted) THEN 'lifted' ELSE 'unknown' END
    ORDER BY asked.position
  ) INTO outcomes
  FROM unnest(names) WITH ORDINALITY AS asked (token, position);

  SELECT * INTO head_id, head_hash, head_at
  FROM vault.append_audit('lift'::vault.audit_action, request_id, source, principal, reason, names, outcomes);
  PERFORM vault.use_limits(session_user::text, caller, cardinality(tokens), cardinality(lifted));

  RETURN QUERY
  SELECT asked.token, asked.outcome, lift.exceeded, lift.allowed, lift.remaining, lift.retry_at,
    lift.head_id, lift.head_hash, lift.head_at
  FROM unnest(names, outcomes) WITH ORDINALITY AS asked (token, outcome, position) ORDER BY asked.position;
END;
$$;
