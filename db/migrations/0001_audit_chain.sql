-- Makes vault.reveal_audit append-only and chains its rows: each holds SHA-256 over its content and
-- over the hash of the row before. lib/audit-chain.ts computes the same hash to verify it.

INSERT INTO vault.audit_head (id, hash, at) VALUES (0, decode(repeat('00', 32), 'hex'), '-infinity');
--> statement-breakpoint
ALTER TABLE vault.audit_head ADD CONSTRAINT audit_head_only_row CHECK (only_row);
--> statement-breakpoint
-- The content in one unambiguous form: netstrings, `length:bytes,` for each column in order.
CREATE FUNCTION vault.audit_content(entry vault.reveal_audit) RETURNS bytea
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  SELECT string_agg(convert_to(octet_length(field)::text || ':', 'UTF8') || field || ','::bytea, ''::bytea ORDER BY position)
  FROM unnest(ARRAY[
    convert_to(entry.id::text, 'UTF8'),
    convert_to((extract(epoch FROM entry.at) * 1000000)::bigint::text, 'UTF8'),
    convert_to(entry.action::text, 'UTF8'),
    convert_to(entry.request_id, 'UTF8'),
    convert_to(entry.principal, 'UTF8'),
    convert_to(entry.principal_source::text, 'UTF8'),
    convert_to(entry.reason, 'UTF8'),
    convert_to(entry.token, 'UTF8'),
    convert_to(entry.outcome, 'UTF8'),
    entry.previous_hash
  ]) WITH ORDINALITY AS fields (field, position);
$$;
--> statement-breakpoint
-- Runs as the owner: writers may insert and nothing else. The row lock on the head gives all
-- transactions one order, and lasts until they commit.
CREATE FUNCTION vault.chain_audit_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  head vault.audit_head;
BEGIN
  -- a function's login writes of its own work alone, whoever holds it
  IF NEW.action::text <> (
    CASE session_user
      WHEN 'vault_reveal' THEN 'reveal'
      WHEN 'vault_tokenize' THEN 'tokenize'
      WHEN 'vault_erase' THEN 'erase'
    END
  ) THEN
    RAISE EXCEPTION '% does not write of %', session_user, NEW.action USING ERRCODE = 'insufficient_privilege';
  END IF;
  SELECT * INTO STRICT head FROM vault.audit_head FOR UPDATE;
  NEW.id := head.id + 1;
  -- a clock that was set back must not give a row an earlier time than the row before it
  NEW.at := greatest(clock_timestamp(), head.at);
  NEW.previous_hash := head.hash;
  NEW.hash := sha256(vault.audit_content(NEW));
  UPDATE vault.audit_head SET id = NEW.id, hash = NEW.hash, at = NEW.at;
  RETURN NEW;
END;
$$;
--> statement-breakpoint
CREATE TRIGGER chain_audit_row BEFORE INSERT ON vault.reveal_audit
FOR EACH ROW EXECUTE FUNCTION vault.chain_audit_row();
--> statement-breakpoint
ALTER TABLE vault.reveal_audit ENABLE ALWAYS TRIGGER chain_audit_row;
--> statement-breakpoint
CREATE FUNCTION vault.refuse_audit_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  RAISE EXCEPTION 'vault.reveal_audit is append-only' USING ERRCODE = 'insufficient_privilege';
END;
$$;
--> statement-breakpoint
CREATE TRIGGER refuse_audit_change BEFORE UPDATE OR DELETE OR TRUNCATE ON vault.reveal_audit
FOR EACH STATEMENT EXECUTE FUNCTION vault.refuse_audit_change();
--> statement-breakpoint
ALTER TABLE vault.reveal_audit ENABLE ALWAYS TRIGGER refuse_audit_change;
--> statement-breakpoint
-- Waits for the writers before, and holds the chain until this transaction ends.
CREATE FUNCTION vault.lock_audit_chain() RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog AS $$
  SELECT id FROM vault.audit_head FOR UPDATE;
$$;
--> statement-breakpoint
-- The last row of the chain: what a writer logs after it appended.
CREATE FUNCTION vault.audit_chain_head() RETURNS TABLE (id bigint, hash bytea, at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
  SELECT head.id, head.hash, head.at FROM vault.audit_head AS head;
$$;
--> statement-breakpoint
-- Which of the tokens an erase has removed at some time. Their values may have come again since.
CREATE FUNCTION vault.erased_tokens(tokens text[]) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
  SELECT DISTINCT audit.token FROM vault.reveal_audit AS audit
  WHERE audit.token = ANY (tokens) AND audit.action = 'erase' AND audit.outcome = 'erased';
$$;
--> statement-breakpoint
-- Whose quota a reveal counts against. What a caller may choose freely is left out, or each request
-- could bring another name: the name of a session, federated or of an assumed role, and a name that is
-- merely claimed.
CREATE FUNCTION vault.quota_holder(source vault.principal_source, principal text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
  SELECT CASE source::text
    WHEN 'claimed' THEN 'claimed'
    ELSE regexp_replace(principal, '^(arn:[^:]*:sts:[^:]*:[^:]*:(?:assumed-role/[^/]+|federated-user))/.*$', '\1')
  END;
$$;
--> statement-breakpoint
CREATE INDEX reveal_audit_quota ON vault.reveal_audit
  (vault.quota_holder(principal_source, principal), at)
  WHERE action = 'reveal' AND outcome = 'revealed';
--> statement-breakpoint
-- Whether a quota of tokens an hour leaves room for `wanted` more; if not, `retry_at` is when it
-- will, or null when it never can. Right only while the caller holds the chain's lock.
CREATE FUNCTION vault.reveal_allowance(
  source vault.principal_source, caller text, quota integer, wanted integer,
  OUT allowed boolean, OUT retry_at timestamptz
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  holder CONSTANT text := vault.quota_holder(source, caller);
  since CONSTANT timestamptz := clock_timestamp() - interval '1 hour';
  used integer;
BEGIN
  SELECT count(*) INTO used FROM vault.reveal_audit AS audit
  WHERE audit.action = 'reveal' AND audit.outcome = 'revealed'
    AND vault.quota_holder(audit.principal_source, audit.principal) = holder AND audit.at > since;
  allowed := used + wanted <= quota;
  IF NOT allowed AND wanted <= quota THEN
    SELECT audit.at + interval '1 hour' INTO retry_at FROM vault.reveal_audit AS audit
    WHERE audit.action = 'reveal' AND audit.outcome = 'revealed'
      AND vault.quota_holder(audit.principal_source, audit.principal) = holder AND audit.at > since
    ORDER BY audit.at OFFSET used + wanted - quota - 1 LIMIT 1;
  END IF;
END;
$$;
