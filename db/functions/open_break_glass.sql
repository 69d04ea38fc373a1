-- The uses of break-glass that nobody has acknowledged, the oldest first.
CREATE OR REPLACE FUNCTION vault.open_break_glass() RETURNS TABLE (
  id uuid, caller text, used_by text, reason text, tokens integer, first_used_at timestamptz, last_used_at timestamptz
)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT noted.id, noted.caller, noted.principal, noted.reason, noted.tokens, noted.first_used_at, noted.last_used_at
  FROM vault.break_glass AS noted WHERE noted.acknowledged_at IS NULL
  ORDER BY noted.first_used_at LIMIT 1000;
$$;
