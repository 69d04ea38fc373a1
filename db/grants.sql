-- All rights of the vault's roles, as docs/roles.md lists them. Every migrate revokes what they have and grants these.
-- test/integration/migrate/role-matrix.test.ts compares the result with those tables.
DO $$
DECLARE
  role_name text;
  object text;
BEGIN
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  FOREACH role_name IN ARRAY ARRAY[
    'public', 'vault_ingest', 'vault_reveal', 'vault_reveal_url', 'vault_break_glass', 'vault_approve',
    'vault_tokenize', 'vault_erase', 'vault_maintain', 'vault_analyst', 'vault_auditor'
  ] LOOP
    EXECUTE format('REVOKE ALL ON SCHEMA vault FROM %s', role_name);
    -- what another role owns cannot be changed here: migrate names it
    FOR object IN
      SELECT 'TABLE ' || pg_class.oid::regclass FROM pg_class
      WHERE relnamespace = 'vault'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        AND pg_has_role(relowner, 'usage')
      UNION ALL
      SELECT 'ROUTINE ' || pg_proc.oid::regprocedure FROM pg_proc
      WHERE pronamespace = 'vault'::regnamespace AND pg_has_role(proowner, 'usage')
    LOOP
      EXECUTE format('REVOKE ALL ON %s FROM %s', object, role_name);
    END LOOP;
    IF role_name <> 'public' THEN
      EXECUTE format('REVOKE ALL ON public.user_logins, public.ip_networks FROM %s', role_name);
    END IF;
  END LOOP;
END
$$;

GRANT USAGE ON SCHEMA public TO vault_ingest, vault_analyst;
GRANT USAGE ON SCHEMA vault TO
  vault_ingest, vault_reveal, vault_reveal_url, vault_break_glass, vault_approve, vault_tokenize, vault_erase,
  vault_maintain, vault_auditor;

GRANT INSERT ON public.user_logins TO vault_ingest;
GRANT SELECT ON vault.token_generation TO vault_ingest;
-- when something was collected is for the database to say: it ends by that
GRANT INSERT (token, kind, ciphertext, data_key_id), SELECT (token) ON vault.pii_vault TO vault_ingest;
GRANT INSERT (id, wrapped_key, kms_key_arn), SELECT (id) ON vault.data_keys TO vault_ingest;
GRANT INSERT, SELECT (message_id) ON vault.ingested_messages TO vault_ingest;
GRANT INSERT (id, message_ids), SELECT ON vault.attempts TO vault_ingest;
GRANT INSERT, SELECT (masked_ip) ON public.ip_networks TO vault_ingest;
GRANT EXECUTE ON FUNCTION
  vault.suppressed(bytea[]), vault.end_attempt(uuid), vault.forget_attempts(uuid), vault.end_stale_sessions()
TO vault_ingest;

GRANT SELECT ON public.user_logins, public.ip_networks TO vault_analyst;
-- how old the data keys are, and which KMS keys wrap them
GRANT SELECT (kms_key_arn, created_at) ON vault.data_keys TO vault_auditor;
GRANT SELECT ON vault.reveal_audit, vault.audit_checkpoints TO vault_maintain, vault_auditor;

-- the functions that people call have only these
GRANT EXECUTE ON FUNCTION
  vault.claim_reveal(text, vault.principal_source, text, text, text[], uuid),
  vault.take_revealed(text),
  vault.report_fault(text, text[], text[])
TO vault_reveal, vault_reveal_url, vault_break_glass;
-- who asks cannot decide, and who decides cannot reveal
GRANT EXECUTE ON FUNCTION
  vault.request_reveal(text, vault.principal_source, text, text, text[]),
  vault.withdraw_request(text, vault.principal_source, text, uuid),
  vault.own_requests(vault.principal_source, text)
TO vault_reveal_url;
GRANT EXECUTE ON FUNCTION
  vault.open_requests(), vault.requested_tokens(uuid),
  vault.decide_request(text, vault.principal_source, text, text, uuid, bytea, text),
  vault.acknowledge_break_glass(text, vault.principal_source, text, text, uuid, integer)
TO vault_approve;
GRANT EXECUTE ON FUNCTION vault.open_break_glass() TO vault_approve, vault_maintain;
GRANT EXECUTE ON FUNCTION
  vault.look_up(text, vault.principal_source, text, text, text[]), vault.present_generation()
TO vault_tokenize;
GRANT EXECUTE ON FUNCTION
  vault.erase(text, vault.principal_source, text, text, text[], boolean),
  vault.lift(text, vault.principal_source, text, text, text[])
TO vault_erase;

GRANT EXECUTE ON FUNCTION vault.audit_chain_head() TO vault_maintain, vault_auditor;
GRANT EXECUTE ON FUNCTION
  vault.prune_ledger(integer), vault.prune_requests(), vault.expire_requests(), vault.add_checkpoint(bigint, bytea),
  vault.end_stale_sessions(), vault.expire_values(bigint), vault.drop_spent_keys()
TO vault_maintain;
