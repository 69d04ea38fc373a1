-- Written by hand, for db/schema.ts. Tokens are stored as the 20 bytes of their MAC instead of as text, in a table whose
-- columns of a fixed width come first. It is a new table: views on the former one are dropped with it. What is not
-- copied is no token, and no value was ever sealed under it. A trigger on data_keys takes the place of the foreign key.
-- vault.tombstones says what was erased, so that the index on the audit is not needed.
DROP INDEX vault.reveal_audit_erased;--> statement-breakpoint
ALTER TABLE vault.pii_vault RENAME TO pii_vault_text;--> statement-breakpoint
ALTER TABLE vault.pii_vault_text RENAME CONSTRAINT pii_vault_pkey TO pii_vault_text_pkey;--> statement-breakpoint
CREATE TABLE vault.pii_vault (
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"kind" vault.pii_kind NOT NULL,
	"data_key_id" uuid NOT NULL,
	"token" bytea NOT NULL,
	"ciphertext" bytea NOT NULL
);
--> statement-breakpoint
-- rows of a table that somebody let inherit from this one are not the vault's
INSERT INTO vault.pii_vault (created_at, kind, data_key_id, token, ciphertext)
SELECT created_at, kind, data_key_id, decode(translate(right(token, 27), '-_', '+/') || '=', 'base64'), ciphertext
FROM ONLY vault.pii_vault_text
-- the last character carries four bits: there is one spelling
WHERE token ~ '^[a-z][a-z_]{0,31}_v1_[A-Za-z0-9_-]{26}[AEIMQUYcgkosw048]$';
--> statement-breakpoint
ALTER TABLE vault.pii_vault
	ADD CONSTRAINT pii_vault_pkey PRIMARY KEY (token),
	ADD CONSTRAINT pii_vault_token CHECK (octet_length(token) = 20),
	ADD CONSTRAINT pii_vault_ciphertext CHECK (octet_length(ciphertext) <= 4096) NOT VALID;
--> statement-breakpoint
DROP TABLE vault.pii_vault_text CASCADE;--> statement-breakpoint
CREATE FUNCTION vault.keep_data_key() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';--> statement-breakpoint
CREATE TRIGGER keep_data_key BEFORE DELETE OR UPDATE ON vault.data_keys
FOR EACH ROW EXECUTE FUNCTION vault.keep_data_key();
--> statement-breakpoint
CREATE TRIGGER keep_data_keys BEFORE TRUNCATE ON vault.data_keys
FOR EACH STATEMENT EXECUTE FUNCTION vault.keep_data_key();
--> statement-breakpoint
ALTER TABLE vault.data_keys ENABLE ALWAYS TRIGGER keep_data_key, ENABLE ALWAYS TRIGGER keep_data_keys;--> statement-breakpoint
CREATE TABLE vault.token_generation (
	"only_row" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"generation" integer NOT NULL,
	CONSTRAINT "token_generation_only_row" CHECK (only_row),
	CONSTRAINT "token_generation_generation" CHECK (generation between 1 and 999999999)
);
--> statement-breakpoint
INSERT INTO vault.token_generation (generation) VALUES (1);--> statement-breakpoint
CREATE TABLE vault.tombstones (
	"kind" vault.pii_kind NOT NULL,
	"suppressed" boolean DEFAULT false NOT NULL,
	"token" bytea PRIMARY KEY NOT NULL,
	"ended" text NOT NULL,
	CONSTRAINT "tombstones_token" CHECK (octet_length(token) = 20),
	CONSTRAINT "tombstones_ended" CHECK (ended in ('erased', 'expired'))
);
--> statement-breakpoint
INSERT INTO vault.tombstones (kind, token, ended)
SELECT DISTINCT known.kind, decode(translate(right(token, 27), '-_', '+/') || '=', 'base64'), 'erased'
FROM ONLY vault.reveal_audit AS audit
JOIN unnest(enum_range(NULL::vault.pii_kind)) AS known (kind) ON left(token, -28) = known.kind || '_v1'
WHERE action = 'erase' AND outcome = 'erased' AND right(token, 28) ~ '^_[A-Za-z0-9_-]{26}[AEIMQUYcgkosw048]$'
ON CONFLICT (token) DO NOTHING;
