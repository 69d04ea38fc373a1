-- Written by drizzle-kit from db/schema.ts. Edited by hand: the check on the audit holds for new rows only (NOT VALID), since
-- an attacker may have written others before; and functions go whose results change.
DROP FUNCTION IF EXISTS vault.take_revealed(text);--> statement-breakpoint
CREATE TABLE "vault"."rotation" (
	"only_row" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"from_generation" integer NOT NULL,
	"phase" text NOT NULL,
	"begun_at" timestamp with time zone DEFAULT now() NOT NULL,
	"swapped_at" timestamp with time zone,
	"is_paused" boolean DEFAULT false NOT NULL,
	CONSTRAINT "rotation_only_row" CHECK ("only_row"),
	CONSTRAINT "rotation_phase" CHECK ("phase" in ('mapping', 'aborting', 'swapped'))
);
--> statement-breakpoint
CREATE TABLE "vault"."token_map" (
	"kind" "vault"."pii_kind" NOT NULL,
	"token" "bytea" PRIMARY KEY NOT NULL,
	"new_token" "bytea" NOT NULL,
	"origin" text NOT NULL,
	CONSTRAINT "token_map_new_token_unique" UNIQUE("new_token"),
	CONSTRAINT "token_map_token" CHECK (octet_length("token") = 20),
	CONSTRAINT "token_map_new_token" CHECK (octet_length("new_token") = 20),
	CONSTRAINT "token_map_origin" CHECK ("origin" in ('held', 'broken', 'erased', 'unheld'))
);
--> statement-breakpoint
ALTER TABLE "vault"."reveal_audit" DROP CONSTRAINT "reveal_audit_outcome";--> statement-breakpoint
ALTER TABLE "vault"."reveal_audit" ADD CONSTRAINT "reveal_audit_outcome" CHECK ("outcome" in ('revealed', 'unknown', 'erased', 'already_erased', 'denied', 'seal_broken', 'withheld', 'unavailable', 'held', 'requested', 'approved', 'refused', 'expired', 'withdrawn', 'used', 'begun', 'aborted', 'swapped', 'finished', 'acknowledged')) NOT VALID;
