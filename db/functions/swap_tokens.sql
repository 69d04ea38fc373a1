-- Replaces every token of the former generation by its next name, in these columns of user_logins and in the vault, and
-- makes the next generation the present one: all in this transaction, or nothing. Readers see the state before until it
-- commits. Whoever writes to user_logins waits, and then has to name the new generation.
--
-- Tokens of user_logins that the vault never held, those of erased values, and those that are of the next generation before
-- there is one get random names. Values whose data key is not there, which nobody can open, are carried as they are. Raises an
-- error if equal values would not have equal tokens afterwards exactly as before, or if a token of the former generation
-- were left. Returns counts as JSON; or only `unmapped` if values came that vault.map_tokens has to name first; or only
-- `blockers`, the sessions that have user_logins locked. A second call after the swap returns null.
CREATE OR REPLACE FUNCTION vault.swap_tokens(
  columns text[], request_id text, principal text, reason text
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET work_mem = '256MB' SET lock_timeout = '30s' SET enable_mergejoin = off AS $$
DECLARE
  former integer;
  paused boolean;
  blockers json;
  -- of tokens of the former generation, as a quick test and as an exact one
  part text;
  pattern text;
  next_part text;
  next_pattern text;
  leaf regclass;
  before text[];
  after text[];
  counted bigint;
  unmapped bigint := 0;
  rewritten bigint := 0;
  early bigint;
  carried bigint := 0;
  unheld bigint := 0;
  broken bigint;
  held bigint;
  remaining bigint := 0;
  started CONSTANT timestamptz := clock_timestamp();
  counts json;
BEGIN
  PERFORM vault.check_token_columns(columns);
  LOCK TABLE vault.token_map IN EXCLUSIVE MODE;
  blockers := vault.lock_logins();
  IF blockers IS NOT NULL THEN RETURN json_build_object('blockers', blockers); END IF;
  SELECT from_generation, is_paused INTO former, paused FROM vault.rotation WHERE phase = 'mapping';
  IF NOT FOUND THEN RETURN NULL; END IF;
  part := '_v' || former || '_';
  pattern := vault.token_pattern(former);
  next_part := '_v' || former + 1 || '_';
  next_pattern := vault.token_pattern(former + 1);

  -- it has just been filled, and has no statistics yet
  ANALYZE vault.token_map;

  SET LOCAL enable_nestloop = off;
  -- executed as text, it may have parallel workers
  EXECUTE $query$
    SELECT count(*) FROM vault.pii_vault AS value
    WHERE NOT EXISTS (SELECT FROM vault.token_map AS map WHERE map.new_token = value.token)
      AND NOT EXISTS (
        SELECT FROM vault.token_map AS map JOIN vault.pii_vault AS next ON next.token = map.new_token
        WHERE map.token = value.token
      )
  $query$ INTO unmapped;
  IF unmapped > 0 THEN
    WITH closed AS MATERIALIZED (
      -- as vault.map_tokens
      SELECT value.* FROM vault.pii_vault AS value
      WHERE NOT EXISTS (SELECT FROM vault.data_keys AS key WHERE key.id = value.data_key_id)
        AND NOT EXISTS (SELECT FROM vault.token_map AS map WHERE map.new_token = value.token)
        AND NOT EXISTS (
          SELECT FROM vault.token_map AS map JOIN vault.pii_vault AS next ON next.token = map.new_token
          WHERE map.token = value.token
        )
      ORDER BY value.token FOR KEY SHARE OF value
    ), named AS (
      INSERT INTO vault.token_map AS map (token, kind, new_token, origin)
      SELECT closed.token, closed.kind, vault.random_token(), 'broken' FROM closed
      ON CONFLICT ON CONSTRAINT token_map_pkey DO UPDATE SET new_token = excluded.new_token, origin = excluded.origin
      RETURNING map.token, map.new_token
    )
    INSERT INTO vault.pii_vault AS value (created_at, kind, data_key_id, token, ciphertext)
    SELECT closed.created_at, closed.kind, closed.data_key_id, named.new_token, closed.ciphertext
    FROM named JOIN closed ON closed.token = named.token;
    GET DIAGNOSTICS counted = ROW_COUNT;
    unmapped := unmapped - counted;
  END IF;
  IF unmapped > 0 THEN
    -- nobody who is honest stores values while ingest is paused
    IF paused THEN PERFORM vault.end_ingest(NULL); END IF;
    RETURN json_build_object('unmapped', unmapped);
  END IF;

  -- what was erased while it was mapped, and what was erased before: nobody can make these names again
  UPDATE vault.token_map AS map SET new_token = vault.random_token(), origin = 'erased'
  FROM vault.tombstones AS gone
  WHERE gone.token = map.token AND map.origin = 'held'
    AND NOT EXISTS (SELECT FROM vault.pii_vault AS value WHERE value.token = map.token);
  INSERT INTO vault.token_map AS map (token, kind, new_token, origin)
  SELECT gone.token, gone.kind, vault.random_token(), 'erased' FROM vault.tombstones AS gone
  ON CONFLICT ON CONSTRAINT token_map_pkey DO NOTHING;

  SELECT digests, tokens INTO before, early FROM vault.token_groups(columns, next_part, next_pattern);
  IF early > 0 THEN early := vault.hide_early_tokens(columns, former + 1); END IF;
  SET LOCAL enable_nestloop = on;

  FOR leaf IN
    SELECT oid FROM pg_class
    WHERE relkind = 'r' AND has_table_privilege(oid, 'select') AND has_table_privilege(oid, 'update') AND (
      oid = 'public.user_logins'::regclass OR oid IN (SELECT relid FROM pg_partition_tree('public.user_logins'))
    )
  LOOP
    rewritten := rewritten + vault.swap_logins(leaf, columns, former);
  END LOOP;
  SELECT digests, tokens INTO after, remaining FROM vault.token_groups(columns, part, pattern);
  IF remaining > 0 THEN
    -- every token is looked up
    SELECT rest.unheld, rest.rewritten INTO unheld, counted FROM vault.swap_rest(columns, former) AS rest;
    rewritten := rewritten + counted;
    SELECT digests, tokens INTO after, remaining FROM vault.token_groups(columns, part, pattern);
  END IF;
  IF before <> after OR remaining > 0 THEN
    RAISE EXCEPTION 'the logins would not be as they were: % tokens of generation % would be left', remaining, former
      USING ERRCODE = 'data_exception';
  END IF;

  -- in a copy that was restored from before an earlier rotation: what was erased since then, under the next names
  WITH erased AS (
    SELECT DISTINCT map.token, map.new_token, map.kind
    FROM vault.reveal_audit AS audit
    JOIN vault.token_map AS map
      ON map.new_token = decode(
        CASE WHEN audit.token ~ next_pattern THEN translate(right(audit.token, 27), '-_', '+/') || '=' END,
        'base64'
      )
    WHERE audit.action = 'erase' AND audit.outcome = 'erased' AND strpos(audit.token, next_part) > 0
      AND left(audit.token, -28) = map.kind::text || '_v' || former + 1
  ), gone AS (
    DELETE FROM vault.pii_vault AS value USING erased WHERE value.token IN (erased.token, erased.new_token)
  ), networks AS (
    DELETE FROM public.ip_networks AS network WHERE network.masked_ip = ANY (ARRAY(
      SELECT vault.network_key(former, erased.token) FROM erased
      UNION ALL SELECT vault.network_key(former + 1, erased.new_token) FROM erased
    ))
  )
  INSERT INTO vault.tombstones AS tombstone (kind, token, ended)
  SELECT erased.kind, erased.token, 'erased' FROM erased
  ON CONFLICT ON CONSTRAINT tombstones_pkey DO NOTHING;

  -- Rows under the next names, which no erase waits for; vault.sweep_tokens deletes those under the former ones. What the
  -- vault's requests wait for, the lock of the audit, is taken only now, and for the little that came meanwhile.
  INSERT INTO vault.tombstones AS tombstone (kind, token, ended, suppressed)
  SELECT gone.kind, map.new_token, gone.ended, gone.suppressed
  FROM vault.tombstones AS gone JOIN vault.token_map AS map ON map.token = gone.token
  ON CONFLICT ON CONSTRAINT tombstones_pkey DO NOTHING;
  SELECT count(*) FILTER (WHERE origin IN ('held', 'broken')), count(*) FILTER (WHERE origin = 'broken'),
    count(*) FILTER (WHERE origin = 'erased')
  INTO held, broken, carried FROM vault.token_map;
  PERFORM vault.lock_audit_chain();
  INSERT INTO vault.token_map AS map (token, kind, new_token, origin)
  SELECT gone.token, gone.kind, vault.random_token(), 'erased' FROM vault.tombstones AS gone
  WHERE NOT EXISTS (SELECT FROM vault.token_map AS map WHERE map.token = gone.token)
    AND NOT EXISTS (SELECT FROM vault.token_map AS map WHERE map.new_token = gone.token)
  ON CONFLICT ON CONSTRAINT token_map_pkey DO NOTHING;
  GET DIAGNOSTICS counted = ROW_COUNT;
  carried := carried + counted;
  INSERT INTO vault.tombstones AS tombstone (kind, token, ended, suppressed)
  SELECT gone.kind, map.new_token, gone.ended, gone.suppressed
  FROM vault.tombstones AS gone JOIN vault.token_map AS map ON map.token = gone.token
  WHERE NOT EXISTS (
    SELECT FROM vault.tombstones AS next WHERE next.token = map.new_token AND next.ended IS NOT DISTINCT FROM gone.ended
  )
  ON CONFLICT ON CONSTRAINT tombstones_pkey DO UPDATE SET ended = excluded.ended;
  UPDATE vault.token_generation
  SET generation = former + 1, kms_key_arn = (SELECT next_key FROM vault.rotation);
  counts := json_build_object(
    'from', former, 'to', former + 1, 'mapped', held, 'broken', broken, 'carried', carried, 'unheld', unheld, 'early', early,
    'rewritten', rewritten, 'groups', before, 'seconds', round(extract(epoch FROM clock_timestamp() - started), 3)
  );
  UPDATE vault.rotation SET phase = 'swapped', swapped_at = clock_timestamp();
  PERFORM vault.append_event(
    'rotate'::vault.audit_action, request_id, 'claimed'::vault.principal_source, principal, reason, 'swapped', counts
  );
  RETURN counts;
END;
$$;
