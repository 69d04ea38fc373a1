-- Forgets the attempts at this message that had no other message beside it.
CREATE OR REPLACE FUNCTION vault.forget_attempts(message uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM vault.attempts AS begun WHERE begun.message_ids = ARRAY[message];
$$;
