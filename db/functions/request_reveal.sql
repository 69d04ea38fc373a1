-- Requests somebody else's approval for these tokens and this reason, and records it. An open request of the same caller
-- for the same is returned as it is. Of requests that ended, with their tokens, only the newest 200 are kept, so that making
-- and withdrawing them cannot fill the disk. `problem` says why there is none: 'off', 'no_person' (the caller cannot be told from
-- others) or 'too_many' (of its requests are open). The head is null where nothing was recorded.
CREATE OR REPLACE FUNCTION vault.request_reveal(
  request_id text, source vault.principal_source, principal text, reason text, tokens text[],
  OUT id uuid, OUT state text, OUT digest bytea, OUT expires_at timestamptz, OUT problem text,
  OUT head_id bigint, OUT head_hash bytea, OUT head_at timestamptz
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  asker CONSTANT text := vault.person(source, principal);
  sorted CONSTANT text[] := ARRAY(SELECT token FROM unnest(tokens) AS token ORDER BY token COLLATE "C");
  rule vault.approval_rule;
BEGIN
  PERFORM vault.check_tokens(tokens, 10000);
  PERFORM vault.lock_audit_chain();
  SELECT * INTO rule FROM vault.approval_rule;
  problem := CASE WHEN rule.above IS NULL THEN 'off' WHEN asker IS NULL THEN 'no_person' END;
  IF problem IS NOT NULL THEN RETURN; END IF;

  SELECT asked.id, asked.state, asked.digest, asked.expires_at INTO id, state, digest, expires_at
  FROM vault.reveal_requests AS asked
  WHERE asked.caller = asker AND vault.is_open(asked)
    AND asked.digest = vault.request_digest(rule.stage, asker, asked.expires_at, request_reveal.reason, sorted);
  IF FOUND THEN RETURN; END IF;
  IF 10 <= (
      SELECT count(*) FROM vault.reveal_requests AS asked
      WHERE asked.caller = asker AND vault.is_open(asked)
    ) OR 200 <= (SELECT count(*) FROM vault.reveal_requests AS asked WHERE vault.is_open(asked))
  THEN
    problem := 'too_many';
    RETURN;
  END IF;
  PERFORM vault.count_event('approval requests', asker, 60, 600);

  DELETE FROM vault.reveal_requests AS ended WHERE ended.id IN (
    SELECT older.id FROM vault.reveal_requests AS older
    WHERE older.ended_at IS NOT NULL ORDER BY older.ended_at DESC OFFSET 200
  );

  id := gen_random_uuid();
  state := 'requested';
  expires_at := clock_timestamp() + rule.hours * interval '1 hour';
  digest := vault.request_digest(rule.stage, asker, expires_at, reason, sorted);
  INSERT INTO vault.reveal_requests AS asked
    (id, caller, principal, reason, tokens, digest, state, requested_at, expires_at)
  VALUES (
    request_reveal.id, asker, request_reveal.principal, request_reveal.reason, sorted,
    request_reveal.digest, request_reveal.state, clock_timestamp(), request_reveal.expires_at
  );
  SELECT * INTO head_id, head_hash, head_at FROM vault.append_event(
    'approval', request_id, source, principal, reason, state,
    json_build_object('item', id, 'tokens', cardinality(tokens), 'digest', encode(digest, 'hex'))
  );
END;
$$;
