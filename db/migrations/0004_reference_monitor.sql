-- Written by drizzle-kit from db/schema.ts. Edited by hand: a check holds for new rows only (NOT VALID), since an
-- attacker may have written others before, which verification then names; and what the functions in db/functions
-- replace goes.
DROP INDEX vault.reveal_audit_quota;--> statement-breakpoint
DROP FUNCTION vault.reveal_allowance(vault.principal_source, text, integer, integer);--> statement-breakpoint
DROP FUNCTION vault.erased_tokens(text[]);--> statement-breakpoint
CREATE TABLE "vault"."limits" (
	"role" text PRIMARY KEY NOT NULL,
	"per_caller" integer NOT NULL,
	"overall" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "vault"."reveal_claims" (
	"role" text NOT NULL,
	"request_id" text NOT NULL,
	"transaction" "xid8" NOT NULL,
	"first_audit_id" bigint NOT NULL,
	"last_audit_id" bigint NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"taken_at" timestamp with time zone,
	"fault_reported_at" timestamp with time zone,
	CONSTRAINT "reveal_claims_role_request_id_pk" PRIMARY KEY("role","request_id")
);
--> statement-breakpoint
CREATE TABLE "vault"."usage" (
	"role" text NOT NULL,
	"caller" text NOT NULL,
	"minute" timestamp with time zone NOT NULL,
	"used" integer NOT NULL,
	CONSTRAINT "usage_role_caller_minute_pk" PRIMARY KEY("role","caller","minute")
);
--> statement-breakpoint
ALTER TABLE "vault"."data_keys" ADD CONSTRAINT "data_keys_wrapped_key" CHECK (octet_length("wrapped_key") between 1 and 6144) NOT VALID;--> statement-breakpoint
ALTER TABLE "vault"."data_keys" ADD CONSTRAINT "data_keys_kms_key_arn" CHECK (octet_length("kms_key_arn") between 1 and 2048) NOT VALID;--> statement-breakpoint
ALTER TABLE "vault"."pii_vault" ADD CONSTRAINT "pii_vault_token" CHECK (octet_length("token") between 1 and 256) NOT VALID;--> statement-breakpoint
ALTER TABLE "vault"."pii_vault" ADD CONSTRAINT "pii_vault_ciphertext" CHECK (octet_length("ciphertext") <= 4096) NOT VALID;--> statement-breakpoint
ALTER TABLE "vault"."reveal_audit" ADD CONSTRAINT "reveal_audit_id" CHECK ("id" > 0) NOT VALID;--> statement-breakpoint
ALTER TABLE "vault"."reveal_audit" ADD CONSTRAINT "reveal_audit_at" CHECK (isfinite("at")) NOT VALID;--> statement-breakpoint
ALTER TABLE "vault"."reveal_audit" ADD CONSTRAINT "reveal_audit_request_id" CHECK (octet_length("request_id") between 1 and 128) NOT VALID;--> statement-breakpoint
ALTER TABLE "vault"."reveal_audit" ADD CONSTRAINT "reveal_audit_principal" CHECK (octet_length("principal") between 1 and 2048) NOT VALID;--> statement-breakpoint
ALTER TABLE "vault"."reveal_audit" ADD CONSTRAINT "reveal_audit_reason" CHECK (char_length("reason") between 10 and 500) NOT VALID;--> statement-breakpoint
ALTER TABLE "vault"."reveal_audit" ADD CONSTRAINT "reveal_audit_token" CHECK ("token" ~ '^[a-z][a-z_]{0,31}_v[0-9]{1,9}_[A-Za-z0-9_-]{27}$') NOT VALID;--> statement-breakpoint
ALTER TABLE "vault"."reveal_audit" ADD CONSTRAINT "reveal_audit_outcome" CHECK ("outcome" in ('revealed', 'unknown', 'erased', 'already_erased', 'denied', 'seal_broken', 'withheld', 'unavailable', 'held')) NOT VALID;--> statement-breakpoint
ALTER TABLE "vault"."reveal_audit" ADD CONSTRAINT "reveal_audit_hashes" CHECK (octet_length("previous_hash") = 32 and octet_length("hash") = 32) NOT VALID;
