-- Notes that ingest is paused for the rotation, or goes on: the next run of the tool must know it, too.
CREATE OR REPLACE FUNCTION vault.pause_rotation(is_paused boolean) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  UPDATE vault.rotation SET is_paused = pause_rotation.is_paused;
$$;
