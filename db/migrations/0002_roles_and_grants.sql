-- Every role, and every right it has; README: "Roles". test/integration/role-matrix.test.ts compares
-- what Postgres then allows with that table, so a right added here and nowhere else fails.
DO $$
DECLARE
  role_name text;
BEGIN
  FOREACH role_name IN ARRAY ARRAY[
    'vault_ingest', 'vault_reveal', 'vault_tokenize', 'vault_erase', 'vault_maintain',
    'vault_analyst', 'vault_auditor'
  ] LOOP
    -- roles belong to the whole cluster: another database may have made them
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role_name) THEN
      EXECUTE format('CREATE ROLE %I LOGIN', role_name);
      -- a function that hangs or freezes must not hold its locks for ever
      EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = %L', role_name, '15s');
      IF role_name IN ('vault_reveal', 'vault_tokenize', 'vault_erase') THEN
        EXECUTE format('ALTER ROLE %I SET statement_timeout = %L', role_name, '6s');
      ELSIF role_name = 'vault_ingest' THEN
        EXECUTE format('ALTER ROLE %I SET statement_timeout = %L', role_name, '12s');
      END IF;
      IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'rds_iam') THEN
        EXECUTE format('GRANT rds_iam TO %I', role_name);
      END IF;
    END IF;
  END LOOP;
END
$$;
--> statement-breakpoint
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault FROM PUBLIC;
--> statement-breakpoint
GRANT USAGE ON SCHEMA public TO vault_ingest, vault_analyst;
--> statement-breakpoint
GRANT USAGE ON SCHEMA vault TO
  vault_ingest, vault_reveal, vault_tokenize, vault_erase, vault_maintain, vault_auditor;
--> statement-breakpoint
GRANT INSERT ON public.user_logins TO vault_ingest;
--> statement-breakpoint
GRANT INSERT, SELECT (token) ON vault.pii_vault TO vault_ingest;
--> statement-breakpoint
GRANT INSERT, SELECT (id) ON vault.data_keys TO vault_ingest;
--> statement-breakpoint
GRANT INSERT, SELECT (message_id) ON vault.ingested_messages TO vault_ingest;
--> statement-breakpoint
GRANT SELECT ON vault.pii_vault, vault.data_keys TO vault_reveal;
--> statement-breakpoint
GRANT SELECT (token) ON vault.pii_vault TO vault_tokenize;
--> statement-breakpoint
GRANT SELECT (token), DELETE ON vault.pii_vault TO vault_erase;
--> statement-breakpoint
GRANT INSERT ON vault.reveal_audit TO vault_reveal, vault_tokenize, vault_erase;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION vault.audit_chain_head() TO
  vault_reveal, vault_tokenize, vault_erase, vault_maintain, vault_auditor;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION vault.lock_audit_chain() TO vault_reveal, vault_tokenize, vault_erase;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION vault.erased_tokens(text[]) TO vault_reveal, vault_erase;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION
  vault.reveal_allowance(vault.principal_source, text, integer, integer) TO vault_reveal;
--> statement-breakpoint
-- an index of the audit uses it, as whoever inserts
GRANT EXECUTE ON FUNCTION vault.quota_holder(vault.principal_source, text) TO
  vault_reveal, vault_tokenize, vault_erase;
--> statement-breakpoint
GRANT SELECT, DELETE ON vault.ingested_messages TO vault_maintain;
--> statement-breakpoint
GRANT SELECT ON vault.reveal_audit, vault.audit_checkpoints TO vault_maintain, vault_auditor;
--> statement-breakpoint
GRANT INSERT ON vault.audit_checkpoints TO vault_maintain;
--> statement-breakpoint
GRANT SELECT ON public.user_logins TO vault_analyst;
