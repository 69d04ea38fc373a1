-- What vault.erase returned to this login for the very same request, within the last hour: the same id, caller, reason, tokens
-- and wish to suppress. One row for each token, in their order; none if there was no such request, or it erased nothing.
CREATE OR REPLACE FUNCTION vault.earlier_erase(
  request_id text, source vault.principal_source, principal text, reason text, tokens text[], suppress boolean
) RETURNS TABLE (token text, outcome text, head_id bigint, head_hash bytea, head_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH entries AS (
    SELECT entry.id, entry.token, entry.outcome, head.id AS head_id, head.hash AS head_hash, head.at AS head_at
    FROM vault.reveal_claims AS claim
    JOIN vault.reveal_audit AS head ON head.id = claim.last_audit_id
    JOIN vault.reveal_audit AS entry
      ON entry.id BETWEEN claim.first_audit_id AND claim.first_audit_id + cardinality(earlier_erase.tokens) - 1
    WHERE claim.role = session_user AND claim.request_id = earlier_erase.request_id
      AND claim.expires_at > clock_timestamp()
      -- a suppression has a second row for each token
      AND claim.last_audit_id - claim.first_audit_id + 1
        = cardinality(earlier_erase.tokens) * CASE WHEN earlier_erase.suppress THEN 2 ELSE 1 END
      AND head.principal = earlier_erase.principal AND head.principal_source = earlier_erase.source
      AND head.reason = earlier_erase.reason
  )
  SELECT entries.token, entries.outcome, entries.head_id, entries.head_hash, entries.head_at FROM entries
  WHERE earlier_erase.tokens = ARRAY(SELECT same.token FROM entries AS same ORDER BY same.id)
  ORDER BY entries.id;
$$;
