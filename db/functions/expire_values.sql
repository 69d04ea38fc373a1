-- Deletes sealed values that were collected longer ago than vault.retention allows, up to 2 000 of them, in the part of
-- the table that begins at block `first`; records how many, and up to when. Returns the block to go on from, null at the
-- end of the table. Nothing is locked where nothing is due. The caller chooses the part, and never the age.
CREATE OR REPLACE FUNCTION vault.expire_values(first bigint, OUT next bigint, OUT expired integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- a range of blocks is read, or rows by their key
SET enable_seqscan = off
-- a session's own time zone can give the name UTC to another one
SET timezone = 'UTC' AS $$
DECLARE
  most CONSTANT integer := 2000;
  beyond CONSTANT bigint := first + 4096;
  low CONSTANT tid := format('(%s,0)', first)::tid;
  high CONSTANT tid := format('(%s,0)', beyond)::tid;
  due bytea[];
  names text[];
  last bigint;
  due_before timestamptz;
BEGIN
  expired := 0;
  SELECT clock_timestamp() - make_interval(hours => 24 * kept.days) INTO due_before
  FROM vault.retention AS kept WHERE kept.days IS NOT NULL;
  IF NOT FOUND OR EXISTS (SELECT FROM vault.rotation AS rotation WHERE rotation.phase <> 'swapped') THEN
    -- while values are named anew, each is there twice: it expires afterwards
    RETURN;
  END IF;

  SELECT array_agg(value.token), max(value.block) INTO due, last
  FROM (
    SELECT old.token, split_part(ltrim(old.ctid::text, '('), ',', 1)::bigint AS block FROM vault.pii_vault AS old
    WHERE old.ctid >= low AND old.ctid < high AND old.created_at < due_before
      -- what is left under a former name goes with the value under its present one
      AND NOT EXISTS (SELECT FROM vault.token_map AS map WHERE map.token = old.token)
    LIMIT most
  ) AS value;
  IF cardinality(due) = most THEN
    next := last;
  ELSIF beyond * current_setting('block_size')::bigint < pg_relation_size('vault.pii_vault'::regclass) THEN
    next := beyond;
  END IF;
  IF due IS NULL THEN RETURN; END IF;

  PERFORM vault.lock_audit_chain();
  WITH gone AS (
    DELETE FROM vault.pii_vault AS value
    USING (
      -- whoever has a row locked must not hold up the audit
      SELECT old.token FROM vault.pii_vault AS old
      WHERE old.token = ANY (due) AND old.created_at < due_before
        -- a rotation may have begun while the lock was waited for
        AND NOT EXISTS (SELECT FROM vault.rotation AS rotation WHERE rotation.phase <> 'swapped')
      FOR UPDATE OF old SKIP LOCKED
    ) AS old
    WHERE value.token = old.token RETURNING value.kind, value.token
  ), recorded AS (
    INSERT INTO vault.tombstones AS tombstone (kind, token, ended)
    SELECT gone.kind, gone.token, 'expired' FROM gone
    ON CONFLICT ON CONSTRAINT tombstones_pkey DO UPDATE SET kind = excluded.kind, ended = excluded.ended
  )
  SELECT count(*), array_agg(gone.token), array_agg(vault.token_text(gone.kind, gone.token))
  INTO expired, due, names FROM gone;
  IF expired > 0 THEN
    -- in a statement of its own: they may have been written since the one before began
    DELETE FROM public.ip_networks AS network WHERE network.masked_ip = ANY (names);
    PERFORM vault.forget_counterparts(due);
    PERFORM vault.append_event(
      'expire'::vault.audit_action, gen_random_uuid()::text, 'vault'::vault.principal_source, session_user::text,
      'older than the retention'::text, 'expired'::text,
      json_build_object('values', expired, 'collectedBefore', to_char(due_before AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
    );
  END IF;
END;
$$;
