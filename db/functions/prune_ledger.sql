-- Deletes up to `rows` message ids that SQS cannot deliver again; returns how many. SQS keeps a message for at most 14
-- days, and a copy that was sent again for 14 days from then.
CREATE OR REPLACE FUNCTION vault.prune_ledger(rows integer) RETURNS integer
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- a session's own time zone can give the name UTC to another one
SET timezone = 'UTC' AS $$
  WITH gone AS (
    DELETE FROM vault.ingested_messages AS message
    WHERE message.message_id IN (
      SELECT old.message_id FROM vault.ingested_messages AS old
      WHERE coalesce(old.resent_on, old.sent_on) < (clock_timestamp() AT TIME ZONE 'UTC')::date - 15
      LIMIT rows
    )
    RETURNING message.message_id
  )
  SELECT count(*)::integer FROM gone;
$$;
