-- Forgets an attempt of ingest that has ended, and those of containers that were killed more than a day ago. The right DELETE
-- would let the login of ingest lock the table.
CREATE OR REPLACE FUNCTION vault.end_attempt(attempt uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM vault.attempts AS begun
  WHERE begun.id = attempt OR begun.begun_at < clock_timestamp() - interval '24 hours';
$$;
