-- Trigger: refuses an audit row that the login may not write, or that does not continue the chain, whoever inserts it.
CREATE OR REPLACE FUNCTION vault.chain_audit_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- the login decides what may be written, whichever function writes; a login that is not listed writes nothing
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
  -- the row before is of this request or, for its first row, the head
  IF NEW.hash IS DISTINCT FROM sha256(vault.audit_content(NEW)) OR NOT EXISTS (
    SELECT FROM vault.reveal_audit AS before WHERE before.id = NEW.id - 1 AND before.hash = NEW.previous_hash
    UNION ALL
    SELECT FROM vault.audit_head AS head WHERE head.id = NEW.id - 1 AND head.hash = NEW.previous_hash
  ) THEN
    RAISE EXCEPTION 'the row does not continue the audit chain' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END;
$$;
