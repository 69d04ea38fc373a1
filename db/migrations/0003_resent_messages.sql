-- ingest writes here all the time, and would wait behind this where it waits for a long reader
SET LOCAL lock_timeout = '5s';--> statement-breakpoint
ALTER TABLE "vault"."ingested_messages" ADD COLUMN "resent_on" date;
