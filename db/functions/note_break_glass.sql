-- Records that values were revealed by break-glass, in the audit and in an item that stays open until somebody else
-- acknowledges it. What a caller reveals for one reason before that is one item. Returns its id.
CREATE OR REPLACE FUNCTION vault.note_break_glass(
  request_id text, source vault.principal_source, principal text, reason text, used integer
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  now CONSTANT timestamptz := clock_timestamp();
  item uuid;
BEGIN
  UPDATE vault.break_glass AS noted SET tokens = noted.tokens + used, last_used_at = now
  WHERE noted.caller = vault.quota_holder(source, note_break_glass.principal) AND noted.reason = note_break_glass.reason
    AND noted.acknowledged_at IS NULL
  RETURNING noted.id INTO item;
  IF NOT FOUND THEN
    item := gen_random_uuid();
    INSERT INTO vault.break_glass (id, caller, principal, reason, tokens, first_used_at, last_used_at)
    VALUES (item, vault.quota_holder(source, principal), principal, reason, used, now, now);
  END IF;
  PERFORM vault.append_event(
    'break_glass', request_id, source, principal, reason, 'used', json_build_object('item', item, 'tokens', used)
  );
  RETURN item;
END;
$$;
