-- Written by hand, for db/schema.ts. Null: of generation 1, or of a rotation that release 0.3.0 began.
ALTER TABLE vault.rotation ADD COLUMN next_key text;--> statement-breakpoint
ALTER TABLE vault.rotation ADD CONSTRAINT rotation_next_key CHECK (octet_length(next_key) between 1 and 2048);--> statement-breakpoint
ALTER TABLE vault.token_generation ADD COLUMN kms_key_arn text;--> statement-breakpoint
ALTER TABLE vault.token_generation ADD CONSTRAINT token_generation_kms_key_arn CHECK (octet_length(kms_key_arn) between 1 and 2048);--> statement-breakpoint
-- it has an argument more
DROP FUNCTION IF EXISTS vault.begin_rotation(text, text, text, boolean);--> statement-breakpoint
-- its rows have columns more
DROP FUNCTION IF EXISTS vault.rotation_state();
