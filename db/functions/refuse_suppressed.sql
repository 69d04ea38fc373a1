-- Trigger: refuses a sealed value of a suppressed token, whoever inserts it. vault.erase locks the table of tombstones
-- before it suppresses a value: then either it sees what was inserted, or this sees the suppression. Refuses ingest a value
-- under a data key that is not there, too: a reveal would call it erased. A restore and a rotation take what there is.
CREATE OR REPLACE FUNCTION vault.refuse_suppressed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- a plan from when a table was small must not read all of it later
SET enable_seqscan = off AS $$
DECLARE
  used uuid;
BEGIN
  -- an older snapshot would not see what was suppressed since
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'values are sealed in read committed transactions only' USING ERRCODE = 'invalid_transaction_state';
  END IF;
  LOCK TABLE vault.tombstones IN ROW SHARE MODE;
  -- most vaults have none
  IF EXISTS (SELECT FROM vault.tombstones AS gone WHERE gone.suppressed) THEN
    IF EXISTS (SELECT FROM added JOIN vault.tombstones AS gone ON gone.token = added.token WHERE gone.suppressed) THEN
      -- a statement that began before the suppression: the next attempt sees it
      RAISE EXCEPTION 'the value of a token is suppressed' USING ERRCODE = 'serialization_failure';
    END IF;
  END IF;
  IF session_user = 'vault_ingest' THEN
    FOR used IN SELECT DISTINCT value.data_key_id FROM added AS value LOOP
      -- locked, so that vault.drop_spent_keys does not delete it before this is committed; whoever deletes a younger one
      -- waits for this in vault.keep_data_key, and must not be waited for
      PERFORM FROM vault.data_keys AS key WHERE key.id = used FOR KEY SHARE SKIP LOCKED;
      IF NOT FOUND AND NOT EXISTS (
        SELECT FROM vault.data_keys AS key
        WHERE key.id = used AND key.created_at > clock_timestamp() - interval '24 hours'
      ) THEN
        RAISE EXCEPTION 'the data key of a value is not there' USING ERRCODE = 'serialization_failure';
      END IF;
    END LOOP;
  END IF;
  RETURN NULL;
END;
$$;
