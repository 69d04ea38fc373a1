-- Written by drizzle-kit from db/schema.ts. Edited by hand: the checks hold for new rows only (NOT VALID), since an attacker
-- may have written others before, which `pii-vault reconcile` then counts.
ALTER TABLE "vault"."ingested_messages" ADD CONSTRAINT "ingested_messages_sent_on" CHECK ("sent_on" between '2000-01-01' and '2200-01-01') NOT VALID;--> statement-breakpoint
ALTER TABLE "vault"."ingested_messages" ADD CONSTRAINT "ingested_messages_resent_on" CHECK ("resent_on" between '2000-01-01' and '2200-01-01') NOT VALID;
