CREATE TABLE "vault"."attempts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"message_ids" uuid[] NOT NULL,
	"begun_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "attempts_message_ids" CHECK (cardinality("vault"."attempts"."message_ids") between 1 and 10000)
);
