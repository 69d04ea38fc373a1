-- Deletes data keys under which the vault holds no value any more and nobody seals, because a container uses a key for
-- an hour. Returns how many, and the KMS keys that now wrap no data key.
CREATE OR REPLACE FUNCTION vault.drop_spent_keys(OUT dropped integer, OUT kms_keys text[])
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  spent uuid[];
BEGIN
  -- whoever stores a value under one has it locked until that is committed
  spent := ARRAY(
    SELECT key.id FROM vault.data_keys AS key
    -- hours: how long a day is, is for the time zone of the session to say
    WHERE key.created_at < clock_timestamp() - interval '24 hours'
      AND NOT EXISTS (SELECT FROM vault.pii_vault AS value WHERE value.data_key_id = key.id)
    FOR UPDATE SKIP LOCKED
  );
  WITH gone AS (
    DELETE FROM vault.data_keys AS key
    WHERE key.id = ANY (spent)
      -- again: a value may have been committed since the statement before began
      AND NOT EXISTS (
        SELECT FROM vault.pii_vault AS value WHERE value.data_key_id = ANY (spent) AND value.data_key_id = key.id
      )
    RETURNING key.id, key.kms_key_arn
  )
  SELECT count(*), coalesce(array_agg(DISTINCT gone.kms_key_arn) FILTER (
    WHERE NOT EXISTS (
      -- the rows of this statement are still there for it
      SELECT FROM vault.data_keys AS left_over
      WHERE left_over.kms_key_arn = gone.kms_key_arn AND left_over.id NOT IN (SELECT other.id FROM gone AS other)
    )
  ), '{}')
  INTO dropped, kms_keys FROM gone;
END;
$$;
