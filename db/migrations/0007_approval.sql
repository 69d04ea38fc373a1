-- Written by drizzle-kit from db/schema.ts. Edited by hand: checks on the audit hold for new rows only (NOT VALID), since an
-- attacker may have written others before; and functions go whose parameters or results change.
DROP FUNCTION IF EXISTS vault.append_audit(vault.audit_action, text, vault.principal_source, text, text, text[], text[]);--> statement-breakpoint
DROP FUNCTION IF EXISTS vault.claim_reveal(text, vault.principal_source, text, text, text[]);--> statement-breakpoint
DROP FUNCTION IF EXISTS vault.check_tokens(text[]);--> statement-breakpoint
ALTER TYPE "vault"."audit_action" ADD VALUE 'approval';--> statement-breakpoint
ALTER TYPE "vault"."audit_action" ADD VALUE 'break_glass';--> statement-breakpoint
ALTER TYPE "vault"."audit_action" ADD VALUE 'rotate';--> statement-breakpoint
ALTER TYPE "vault"."audit_action" ADD VALUE 'expire';--> statement-breakpoint
ALTER TYPE "vault"."principal_source" ADD VALUE 'vault';--> statement-breakpoint
CREATE TABLE "vault"."approval_rule" (
	"only_row" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"stage" text NOT NULL,
	"above" integer,
	"hours" integer NOT NULL,
	CONSTRAINT "approval_rule_only_row" CHECK ("vault"."approval_rule"."only_row"),
	CONSTRAINT "approval_rule_stage" CHECK (octet_length("vault"."approval_rule"."stage") between 1 and 128)
);
--> statement-breakpoint
CREATE TABLE "vault"."break_glass" (
	"id" uuid PRIMARY KEY NOT NULL,
	"caller" text NOT NULL,
	"principal" text NOT NULL,
	"reason" text NOT NULL,
	"tokens" integer NOT NULL,
	"first_used_at" timestamp with time zone NOT NULL,
	"last_used_at" timestamp with time zone NOT NULL,
	"acknowledged_by" text,
	"acknowledged_at" timestamp with time zone,
	CONSTRAINT "break_glass_caller" CHECK (octet_length("vault"."break_glass"."caller") between 1 and 2048),
	CONSTRAINT "break_glass_principal" CHECK (octet_length("vault"."break_glass"."principal") between 1 and 2048),
	CONSTRAINT "break_glass_reason" CHECK (char_length("vault"."break_glass"."reason") between 10 and 500),
	CONSTRAINT "break_glass_acknowledged_by" CHECK (octet_length("vault"."break_glass"."acknowledged_by") between 1 and 2048)
);
--> statement-breakpoint
CREATE TABLE "vault"."reveal_requests" (
	"id" uuid PRIMARY KEY NOT NULL,
	"caller" text NOT NULL,
	"principal" text NOT NULL,
	"reason" text NOT NULL,
	"tokens" text[] NOT NULL,
	"digest" "bytea" NOT NULL,
	"state" text NOT NULL,
	"requested_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"decided_by" text,
	"usable_until" timestamp with time zone,
	"ended_at" timestamp with time zone,
	CONSTRAINT "reveal_requests_caller" CHECK (octet_length("vault"."reveal_requests"."caller") between 1 and 2048),
	CONSTRAINT "reveal_requests_principal" CHECK (octet_length("vault"."reveal_requests"."principal") between 1 and 2048),
	CONSTRAINT "reveal_requests_reason" CHECK (char_length("vault"."reveal_requests"."reason") between 10 and 500),
	CONSTRAINT "reveal_requests_tokens" CHECK (cardinality("vault"."reveal_requests"."tokens") between 1 and 10000),
	CONSTRAINT "reveal_requests_tokens_size" CHECK (octet_length(array_to_string("vault"."reveal_requests"."tokens", '')) <= 80 * cardinality("vault"."reveal_requests"."tokens")),
	CONSTRAINT "reveal_requests_digest" CHECK (octet_length("vault"."reveal_requests"."digest") = 32),
	CONSTRAINT "reveal_requests_state" CHECK ("vault"."reveal_requests"."state" in ('requested', 'approved', 'refused', 'expired', 'withdrawn', 'used')),
	CONSTRAINT "reveal_requests_decided_by" CHECK (octet_length("vault"."reveal_requests"."decided_by") between 1 and 2048)
);
--> statement-breakpoint
ALTER TABLE "vault"."reveal_audit" DROP CONSTRAINT "reveal_audit_outcome";--> statement-breakpoint
ALTER TABLE "vault"."reveal_audit" ALTER COLUMN "token" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "vault"."reveal_audit" ADD COLUMN "detail" text;--> statement-breakpoint
ALTER TABLE "vault"."reveal_audit" ADD CONSTRAINT "reveal_audit_event" CHECK (("vault"."reveal_audit"."token" is null) = ("vault"."reveal_audit"."action"::text in ('approval', 'break_glass', 'rotate', 'expire'))) NOT VALID;--> statement-breakpoint
ALTER TABLE "vault"."reveal_audit" ADD CONSTRAINT "reveal_audit_detail" CHECK (octet_length("vault"."reveal_audit"."detail") between 1 and 1024) NOT VALID;--> statement-breakpoint
ALTER TABLE "vault"."reveal_audit" ADD CONSTRAINT "reveal_audit_outcome" CHECK ("vault"."reveal_audit"."outcome" in ('revealed', 'unknown', 'erased', 'already_erased', 'denied', 'seal_broken', 'withheld', 'unavailable', 'held', 'requested', 'approved', 'refused', 'expired', 'withdrawn', 'used', 'acknowledged')) NOT VALID;
