-- Trigger: refuses an audit row that the login may not write, or that does not continue the chain, whoever inserts it.
CREATE OR REPLACE FUNCTION vault.chain_audit_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- the login decides what may be written, whichever function writes; a login that is not listed writes nothing
  IF NOT EXISTS (
    SELECT FROM (VALUES
      ('vault_reveal', 'reveal', 'claimed'),
      ('vault_reveal_url', 'reveal', 'iam'),
      ('vault_reveal_url', 'approval', 'iam'),
      ('vault_break_glass', 'reveal', 'iam'),
      ('vault_break_glass', 'break_glass', 'iam'),
      ('vault_tokenize', 'tokenize', 'iam'),
      ('vault_erase', 'erase', 'iam'),
      ('vault_erase', 'suppress', 'iam'),
      ('vault_erase', 'lift', 'iam'),
      ('vault_approve', 'approval', 'iam'),
      ('vault_approve', 'break_glass', 'iam'),
      ('vault_maintain', 'approval', 'vault'),
      ('vault_maintain', 'expire', 'vault'),
      ('vault_migrator', 'networks', 'claimed'),
      ('vault_rotate', 'rotate', 'claimed')
    ) AS allowed (login, action, source)
    WHERE login = session_user AND action = NEW.action::text AND source = NEW.principal_source::text
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
