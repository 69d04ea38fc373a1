-- What a rotation has reached; `phase` is null if none is under way.
CREATE OR REPLACE FUNCTION vault.rotation_state() RETURNS TABLE (
  generation integer, phase text, begun_at timestamptz, swapped_at timestamptz, is_paused boolean, mapped bigint
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT present.generation, rotation.phase, rotation.begun_at, rotation.swapped_at, coalesce(rotation.is_paused, false),
    (SELECT count(*) FROM vault.token_map)
  FROM vault.token_generation AS present LEFT JOIN vault.rotation ON true;
$$;
