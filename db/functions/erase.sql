-- Deletes the sealed values of the tokens and records it, a tombstone for each of them and one audit row for each token. It
-- holds the chain's lock, so that no reveal is recorded as later than an erase that it did not see. With `suppress`, no
-- value of any of the tokens is sealed from then on (vault.refuse_suppressed), and each has a second audit row. Returns one
-- row for each token, in the order asked; the columns after `outcome` are the same in every row. The same request again,
-- because its answer was lost, does nothing and returns the rows it returned before.
CREATE OR REPLACE FUNCTION vault.erase(
  request_id text, source vault.principal_source, principal text, reason text, tokens text[],
  suppress boolean DEFAULT false
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
  suppressed text[] := '{}';
  outcomes text[];
BEGIN
  PERFORM vault.check_tokens(tokens);
  PERFORM vault.lock_audit_chain();
  -- only now: while the lock was waited for, the tokens may have got other names
  names := vault.present_tokens(tokens);
  RETURN QUERY
  SELECT earlier.token, earlier.outcome, NULL::text, NULL::integer, NULL::bigint, NULL::timestamptz,
    earlier.head_id, earlier.head_hash, earlier.head_at
  FROM vault.earlier_erase(request_id, source, principal, reason, names, suppress) AS earlier;
  IF FOUND THEN
    RETURN;
  END IF;
  keys := ARRAY(
    SELECT CASE WHEN NOT EXISTS (
      -- what is left under a former token has no name any more
      SELECT FROM vault.token_map AS map JOIN vault.rotation AS rotation ON rotation.phase = 'swapped'
      WHERE map.token = named.bytes
    ) THEN named.bytes END
    FROM vault.split_tokens(names) AS named ORDER BY named.position
  );
  SELECT * INTO exceeded, allowed, remaining, retry_at
  FROM vault.check_limits(session_user::text, caller, cardinality(tokens));

  IF exceeded IS NULL THEN
    IF suppress THEN
      IF EXISTS (SELECT FROM vault.rotation AS rotation WHERE rotation.phase = 'mapping') THEN
        RAISE EXCEPTION 'no value is suppressed while the tokens get other names' USING ERRCODE = 'object_in_use';
      END IF;
      -- waits until what ingest writes is there to be deleted, and keeps ingest from writing more
      LOCK TABLE vault.tombstones IN EXCLUSIVE MODE;
    END IF;
    WITH gone AS (
      DELETE FROM vault.pii_vault AS value
      WHERE value.token = ANY (keys) AND vault.token_text(value.kind, value.token) = ANY (names)
      RETURNING value.kind, value.token
    ), recorded AS (
      INSERT INTO vault.tombstones AS tombstone (kind, token, ended)
      SELECT gone.kind, gone.token, 'erased' FROM gone
      ON CONFLICT ON CONSTRAINT tombstones_pkey DO UPDATE SET kind = excluded.kind, ended = excluded.ended
    )
    SELECT coalesce(array_agg(vault.token_text(gone.kind, gone.token)), '{}') INTO deleted FROM gone;
    -- in a statement of its own: they may have been written while it was waited for the value
    DELETE FROM public.ip_networks AS network WHERE network.masked_ip = ANY (deleted);
    PERFORM vault.forget_counterparts(ARRAY(SELECT vault.token_bytes(name) FROM unnest(deleted) AS name));
  END IF;
  SELECT array_agg(
    CASE
      WHEN exceeded IS NOT NULL THEN 'denied'
      WHEN asked.token = ANY (deleted) THEN 'erased'
      ELSE coalesce((
        SELECT CASE gone.ended WHEN 'erased' THEN 'already_erased' ELSE gone.ended END FROM vault.tombstones AS gone
        WHERE gone.token = vault.token_bytes(asked.token) AND vault.token_text(gone.kind, gone.token) = asked.token
      ), 'unknown')
    END ORDER BY asked.position
  ) INTO outcomes
  FROM unnest(names) WITH ORDINALITY AS asked (token, position);

  SELECT * INTO head_id, head_hash, head_at
  FROM vault.append_audit('erase'::vault.audit_action, request_id, source, principal, reason, names, outcomes);
  IF suppress AND exceeded IS NULL THEN
    WITH never_again AS (
      INSERT INTO vault.tombstones AS tombstone (kind, token, suppressed)
      -- one value can be named twice, by its former token and its present one
      SELECT DISTINCT ON (named.token) known.kind, named.token, true
      FROM unnest(names, keys) AS named (name, token)
      JOIN unnest(enum_range(NULL::vault.pii_kind)) AS known (kind)
        ON named.name = vault.token_text(known.kind, named.token)
      -- a value is not suppressed under another kind, which would leave no record of its own token
      WHERE NOT EXISTS (
        SELECT FROM vault.pii_vault AS value WHERE value.token = named.token AND value.kind <> known.kind
      ) AND NOT EXISTS (
        SELECT FROM vault.tombstones AS gone WHERE gone.token = named.token AND gone.kind <> known.kind
      )
      ON CONFLICT ON CONSTRAINT tombstones_pkey DO UPDATE SET suppressed = true
      RETURNING tombstone.kind, tombstone.token
    )
    SELECT coalesce(array_agg(vault.token_text(never.kind, never.token)), '{}') INTO suppressed
    FROM never_again AS never;
    SELECT * INTO head_id, head_hash, head_at FROM vault.append_audit(
      'suppress'::vault.audit_action, request_id, source, principal, reason, names,
      ARRAY(
        SELECT CASE WHEN asked.token = ANY (suppressed) THEN 'suppressed' ELSE 'unknown' END
        FROM unnest(names) WITH ORDINALITY AS asked (token, position) ORDER BY asked.position
      )
    );
  END IF;
  PERFORM vault.use_limits(
    session_user::text, caller, cardinality(tokens), greatest(cardinality(deleted), cardinality(suppressed))
  );

  IF cardinality(deleted) + cardinality(suppressed) > 0 THEN
    INSERT INTO vault.reveal_claims AS claim
      (role, request_id, transaction, first_audit_id, last_audit_id, expires_at)
    VALUES (
      session_user, erase.request_id, pg_current_xact_id(),
      head_id + 1 - cardinality(tokens) * CASE WHEN suppress THEN 2 ELSE 1 END, head_id,
      clock_timestamp() + interval '1 hour'
    )
    ON CONFLICT ON CONSTRAINT reveal_claims_role_request_id_pk DO UPDATE SET
      transaction = excluded.transaction, first_audit_id = excluded.first_audit_id,
      last_audit_id = excluded.last_audit_id, expires_at = excluded.expires_at;
  END IF;

  RETURN QUERY
  SELECT asked.token, asked.outcome, erase.exceeded, erase.allowed, erase.remaining, erase.retry_at,
    erase.head_id, erase.head_hash, erase.head_at
  FROM unnest(names, outcomes) WITH ORDINALITY AS asked (token, outcome, position) ORDER BY asked.position;
END;
$$;
