-- What a rotation has reached; `phase` is null if none is under way. `kms_key_arn` is the present token key, null if that is not
-- known, and `next_key` the one that values are named under.
CREATE OR REPLACE FUNCTION vault.rotation_state() RETURNS TABLE (
  generation integer, phase text, begun_at timestamptz, swapped_at timestamptz, is_paused boolean, mapped bigint,
  kms_key_arn text, next_key text
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT present.generation, rotation.phase, rotation.begun_at, rotation.swapped_at, coalesce(rotation.is_paused, false),
    (SELECT count(*) FROM vault.token_map), present.kms_key_arn, rotation.next_key
  FROM vault.token_generation AS present LEFT JOIN vault.rotation ON true;
$$;
