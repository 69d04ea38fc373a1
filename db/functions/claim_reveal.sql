-- Decides what may be revealed to a caller and records it, one audit row for each token. Hands out nothing: after this
-- transaction has committed, vault.take_revealed gives what was recorded as revealed. The whole request is compared
-- with the limits, so that a denial does not show which tokens are held. Returns one row for each token, in the order
-- asked; the columns after `outcome` are the same in every row.
--
-- With an approved request (`approval`), that request and no other limit decides, and up to 10 000 tokens are revealed.
-- `exceeded` is 'approval' where an approval is needed: `item` is then the request that was made for one, if the caller
-- can make one; or where the one that was named is not valid: `problem` says why. For break-glass, `item` is what
-- somebody else has to acknowledge.
CREATE OR REPLACE FUNCTION vault.claim_reveal(
  request_id text, source vault.principal_source, principal text, reason text, tokens text[],
  approval uuid DEFAULT NULL
) RETURNS TABLE (
  token text, outcome text, exceeded text, allowed integer, remaining bigint, retry_at timestamptz,
  head_id bigint, head_hash bytea, head_at timestamptz, item uuid, problem text
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- a plan from when a table was small must not read all of it later
SET enable_seqscan = off AS $$
DECLARE
  caller CONSTANT text := vault.quota_holder(source, principal);
  is_emergency CONSTANT boolean := session_user = 'vault_break_glass';
  opened integer;
  names text[];
  outcomes text[];
BEGIN
  PERFORM vault.check_tokens(tokens, CASE WHEN approval IS NULL THEN 100 ELSE 10000 END);
  PERFORM vault.lock_audit_chain();
  -- only now: while the lock was waited for, the tokens may have got other names
  names := vault.present_tokens(tokens);
  IF approval IS NOT NULL THEN
    item := approval;
    problem := vault.use_approval(request_id, source, principal, reason, tokens, approval);
    IF problem IS NOT NULL THEN
      SELECT * INTO head_id, head_hash, head_at
      FROM vault.deny_event('approval', request_id, source, principal, reason, approval, problem);
      RETURN QUERY
      SELECT asked.token, 'denied', 'approval', claim_reveal.allowed, claim_reveal.remaining, claim_reveal.retry_at,
        claim_reveal.head_id, claim_reveal.head_hash, claim_reveal.head_at, claim_reveal.item, claim_reveal.problem
      FROM unnest(tokens) AS asked (token);
      RETURN;
    END IF;
    -- Lambda's answer holds 6 MB; a value can double in length as JSON. Nothing of this request stays recorded
    IF 5500000 < (
      SELECT sum(150 + 2 * octet_length(held.ciphertext))
      FROM vault.split_tokens(names) AS asked JOIN vault.pii_vault AS held ON held.token = asked.bytes
    ) THEN
      RAISE EXCEPTION 'the values are too long for one answer' USING ERRCODE = 'program_limit_exceeded';
    END IF;
  ELSE
    SELECT * INTO exceeded, allowed, remaining, retry_at
    FROM vault.check_limits(session_user::text, caller, cardinality(tokens));
    IF exceeded IS NULL AND NOT is_emergency AND vault.needs_approval(caller, cardinality(tokens)) THEN
      exceeded := 'approval';
      SELECT request.id, request.problem INTO item, problem
      FROM vault.request_reveal(request_id, source, principal, reason, tokens) AS request;
    END IF;
  END IF;

  SELECT array_agg(
    CASE
      WHEN exceeded IS NOT NULL THEN 'denied'
      WHEN EXISTS (
        SELECT FROM vault.pii_vault AS held
        WHERE held.token = asked.bytes AND held.kind::text = asked.kind
          -- what is left under a former token has no name any more
          AND NOT EXISTS (
            SELECT FROM vault.token_map AS map JOIN vault.rotation AS rotation ON rotation.phase = 'swapped'
            WHERE map.token = held.token
          )
      ) THEN 'revealed'
      ELSE coalesce((
        SELECT CASE WHEN gone.suppressed THEN 'suppressed' ELSE gone.ended END FROM vault.tombstones AS gone
        WHERE gone.token = asked.bytes AND gone.kind::text = asked.kind
      ), 'unknown')
    END ORDER BY asked.position
  ) INTO outcomes
  FROM vault.split_tokens(names) AS asked;
  opened := cardinality(array_positions(outcomes, 'revealed'));

  IF is_emergency AND opened > 0 THEN
    item := vault.note_break_glass(request_id, source, principal, reason, opened);
  END IF;
  SELECT * INTO head_id, head_hash, head_at
  FROM vault.append_audit('reveal'::vault.audit_action, request_id, source, principal, reason, names, outcomes);
  IF approval IS NULL THEN
    PERFORM vault.use_limits(session_user::text, caller, cardinality(tokens), opened);
    PERFORM vault.count_day(caller, opened);
  END IF;

  IF opened > 0 THEN
    INSERT INTO vault.reveal_claims AS claim
      (role, request_id, transaction, first_audit_id, last_audit_id, expires_at)
    VALUES (
      session_user, claim_reveal.request_id, pg_current_xact_id(), head_id - cardinality(tokens) + 1, head_id,
      clock_timestamp() + interval '1 minute'
    )
    -- Lambda can repeat an event under the same id: the last claim counts
    ON CONFLICT ON CONSTRAINT reveal_claims_role_request_id_pk DO UPDATE SET
      transaction = excluded.transaction, first_audit_id = excluded.first_audit_id,
      last_audit_id = excluded.last_audit_id, expires_at = excluded.expires_at,
      taken_at = NULL, fault_reported_at = NULL;
  END IF;

  RETURN QUERY
  SELECT asked.token, asked.outcome, claim_reveal.exceeded, claim_reveal.allowed, claim_reveal.remaining,
    claim_reveal.retry_at, claim_reveal.head_id, claim_reveal.head_hash, claim_reveal.head_at, claim_reveal.item,
    claim_reveal.problem
  FROM unnest(names, outcomes) WITH ORDINALITY AS asked (token, outcome, position) ORDER BY asked.position;
END;
$$;
