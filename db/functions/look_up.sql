-- Returns which tokens the vault holds a value for, and records it, one audit row for each token. Every token counts
-- against the limits, held or not. Returns one row for each token, in the order asked; the columns after `outcome` are
-- the same in every row.
CREATE OR REPLACE FUNCTION vault.look_up(
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
  outcomes text[];
BEGIN
  PERFORM vault.check_tokens(tokens);
  PERFORM vault.lock_audit_chain();
  -- the function that made these tokens has not heard yet that the token key was replaced
  IF EXISTS (
    SELECT FROM vault.token_generation AS present
    CROSS JOIN unnest(tokens) AS asked (token)
    CROSS JOIN LATERAL substring(asked.token FROM '_v([1-9][0-9]{0,8})_[A-Za-z0-9_-]{27}$') AS named (generation)
    WHERE named.generation <> present.generation::text
  ) THEN
    RAISE EXCEPTION 'the tokens are of another generation' USING ERRCODE = 'PV001';
  END IF;
  SELECT * INTO exceeded, allowed, remaining, retry_at
  FROM vault.check_limits(session_user::text, caller, cardinality(tokens));

  SELECT array_agg(
    CASE
      WHEN exceeded IS NOT NULL THEN 'denied'
      WHEN EXISTS (
        SELECT FROM vault.pii_vault AS held
        WHERE held.token = vault.token_bytes(asked.token)
          AND vault.token_text(held.kind, held.token) = asked.token
          -- what is left under a former token has no name any more
          AND NOT EXISTS (
            SELECT FROM vault.token_map AS map JOIN vault.rotation AS rotation ON rotation.phase = 'swapped'
            WHERE map.token = held.token
          )
      ) THEN 'held'
      ELSE 'unknown'
    END ORDER BY asked.position
  ) INTO outcomes
  FROM unnest(tokens) WITH ORDINALITY AS asked (token, position);

  SELECT * INTO head_id, head_hash, head_at
  FROM vault.append_audit('tokenize'::vault.audit_action, request_id, source, principal, reason, tokens, outcomes);
  PERFORM vault.use_limits(
    session_user::text, caller, cardinality(tokens), CASE WHEN exceeded IS NULL THEN cardinality(tokens) ELSE 0 END
  );

  RETURN QUERY
  SELECT asked.token, asked.outcome, look_up.exceeded, look_up.allowed, look_up.remaining, look_up.retry_at,
    look_up.head_id, look_up.head_hash, look_up.head_at
  FROM unnest(tokens, outcomes) WITH ORDINALITY AS asked (token, outcome, position) ORDER BY asked.position;
END;
$$;
