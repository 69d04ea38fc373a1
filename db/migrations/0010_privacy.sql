-- Written by hand, for db/schema.ts: retention, suppression and networks. Triggers and functions are those of db/functions.
ALTER TYPE vault.audit_action ADD VALUE 'networks';--> statement-breakpoint
ALTER TYPE vault.audit_action ADD VALUE 'suppress';--> statement-breakpoint
ALTER TYPE vault.audit_action ADD VALUE 'lift';--> statement-breakpoint
CREATE TABLE public.ip_networks (
	"masked_ip" varchar(256) PRIMARY KEY NOT NULL,
	"masked_network" varchar(256) NOT NULL,
	"masked_subnet" varchar(256)
);
--> statement-breakpoint
CREATE TABLE vault.retention (
	"only_row" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"days" integer,
	CONSTRAINT "retention_only_row" CHECK (only_row),
	CONSTRAINT "retention_days" CHECK (days between 1 and 99999)
);
--> statement-breakpoint
ALTER TABLE vault.tombstones ALTER COLUMN ended DROP NOT NULL;--> statement-breakpoint
CREATE INDEX tombstones_suppressed ON vault.tombstones (token) WHERE suppressed;--> statement-breakpoint
ALTER TABLE vault.reveal_audit DROP CONSTRAINT reveal_audit_event;--> statement-breakpoint
ALTER TABLE vault.reveal_audit DROP CONSTRAINT reveal_audit_outcome;--> statement-breakpoint
ALTER TABLE vault.reveal_audit ADD CONSTRAINT reveal_audit_event CHECK ((token is null) = (action::text in ('approval', 'break_glass', 'rotate', 'expire', 'networks'))) NOT VALID;--> statement-breakpoint
ALTER TABLE vault.reveal_audit ADD CONSTRAINT reveal_audit_outcome CHECK (outcome in ('revealed', 'unknown', 'erased', 'already_erased', 'denied', 'seal_broken', 'withheld', 'unavailable', 'held', 'requested', 'approved', 'refused', 'expired', 'withdrawn', 'used', 'begun', 'aborted', 'swapped', 'finished', 'acknowledged', 'suppressed', 'lifted')) NOT VALID;--> statement-breakpoint
CREATE FUNCTION vault.refuse_suppressed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';--> statement-breakpoint
CREATE TRIGGER refuse_suppressed AFTER INSERT ON vault.pii_vault REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION vault.refuse_suppressed();
--> statement-breakpoint
ALTER TABLE vault.pii_vault ENABLE ALWAYS TRIGGER refuse_suppressed;--> statement-breakpoint
-- it has an argument more
DROP FUNCTION IF EXISTS vault.erase(text, vault.principal_source, text, text, text[]);
