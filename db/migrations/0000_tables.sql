-- Written by drizzle-kit from db/schema.ts. Edited by hand in three places: the schema may exist (the
-- migrator keeps its own table there), and so may user_logins, with rows, which stay as they are; and
-- tokens are ordered as bytes, since comparing them in a language took inserts 1.6 times as long.
CREATE SCHEMA IF NOT EXISTS "vault";
--> statement-breakpoint
CREATE TYPE "vault"."audit_action" AS ENUM('reveal', 'tokenize', 'erase');--> statement-breakpoint
CREATE TYPE "vault"."pii_kind" AS ENUM('ip', 'device_id');--> statement-breakpoint
CREATE TYPE "vault"."principal_source" AS ENUM('iam', 'claimed');--> statement-breakpoint
CREATE TABLE "vault"."audit_checkpoints" (
	"id" bigint PRIMARY KEY NOT NULL,
	"hash" "bytea" NOT NULL,
	"verified_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "vault"."audit_head" (
	"only_row" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"id" bigint NOT NULL,
	"hash" "bytea" NOT NULL,
	"at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "vault"."data_keys" (
	"id" uuid PRIMARY KEY NOT NULL,
	"wrapped_key" "bytea" NOT NULL,
	"kms_key_arn" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "vault"."ingested_messages" (
	"message_id" uuid PRIMARY KEY NOT NULL,
	"sent_on" date NOT NULL
);
--> statement-breakpoint
CREATE TABLE "vault"."pii_vault" (
	"token" text COLLATE "C" PRIMARY KEY NOT NULL,
	"kind" "vault"."pii_kind" NOT NULL,
	"ciphertext" "bytea" NOT NULL,
	"data_key_id" uuid NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "vault"."reveal_audit" (
	"id" bigint PRIMARY KEY NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"action" "vault"."audit_action" NOT NULL,
	"request_id" text NOT NULL,
	"principal" text NOT NULL,
	"principal_source" "vault"."principal_source" NOT NULL,
	"reason" text NOT NULL,
	"token" text NOT NULL,
	"outcome" text NOT NULL,
	"previous_hash" "bytea" NOT NULL,
	"hash" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE IF NOT EXISTS "user_logins" (
	"user_id" varchar(128),
	"device_type" varchar(32),
	"masked_ip" varchar(256),
	"masked_device_id" varchar(256),
	"locale" varchar(32),
	"app_version" integer,
	"create_date" date
);
--> statement-breakpoint
ALTER TABLE "vault"."pii_vault" ADD CONSTRAINT "pii_vault_data_key_id_data_keys_id_fk" FOREIGN KEY ("data_key_id") REFERENCES "vault"."data_keys"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "reveal_audit_erased" ON "vault"."reveal_audit" USING btree ("token") WHERE "vault"."reveal_audit"."action" = 'erase' and "vault"."reveal_audit"."outcome" = 'erased';