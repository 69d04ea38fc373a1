-- Trigger: refuses to delete a data key under which the vault holds a value, or to change its id. It waits until nobody
-- writes to the vault, and keeps others from it until this transaction ends: ingest writes a data key, where it is
-- missing, in the statement that writes values under it, so that neither can overlook the other.
CREATE OR REPLACE FUNCTION vault.keep_data_key() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF NEW.id = OLD.id THEN RETURN NEW; END IF;
  END IF;
  -- an older snapshot would not see what was written before this transaction got the lock, or for a day
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'data keys are deleted in read committed transactions only'
      USING ERRCODE = 'invalid_transaction_state';
  END IF;
  -- vault.drop_spent_keys has locked the key and looked already
  IF TG_OP = 'DELETE' AND session_user = 'vault_maintain' THEN RETURN OLD; END IF;
  LOCK TABLE vault.pii_vault IN SHARE MODE;
  IF EXISTS (
    SELECT FROM vault.pii_vault AS value WHERE TG_OP = 'TRUNCATE' OR value.data_key_id = OLD.id
  ) THEN
    RAISE EXCEPTION 'the vault holds values under this data key' USING ERRCODE = 'foreign_key_violation';
  END IF;
  RETURN coalesce(NEW, OLD);
END;
$$;
