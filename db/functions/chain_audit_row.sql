-- Trigger: chains a new audit row to the row before, whatever the writer gives. The row lock on the head puts all
-- transactions in one order, and is held until they end.
CREATE OR REPLACE FUNCTION vault.chain_audit_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  head vault.audit_head;
BEGIN
  -- the login decides what may be written, in any function; a login that is not listed writes nothing
  IF (NEW.action::text, NEW.principal_source::text) IS DISTINCT FROM (
    CASE session_user
      WHEN 'vault_reveal' THEN 'reveal'
      WHEN 'vault_reveal_url' THEN 'reveal'
      WHEN 'vault_tokenize' THEN 'tokenize'
      WHEN 'vault_erase' THEN 'erase'
    END,
    CASE session_user WHEN 'vault_reveal' THEN 'claimed' ELSE 'iam' END
  ) THEN
    RAISE EXCEPTION '% may not write an audit row that says % by %', session_user, NEW.action, NEW.principal_source
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  SELECT * INTO STRICT head FROM vault.audit_head FOR UPDATE;
  NEW.id := head.id + 1;
  -- if the clock was set back, a row must not be earlier than the row before
  NEW.at := greatest(clock_timestamp(), head.at);
  NEW.previous_hash := head.hash;
  NEW.hash := sha256(vault.audit_content(NEW));
  UPDATE vault.audit_head SET id = NEW.id, hash = NEW.hash, at = NEW.at;
  RETURN NEW;
END;
$$;
