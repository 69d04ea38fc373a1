-- The 20 bytes by which the vault's tables name a token; null for what is not a token of the present generation. A token
-- has one spelling: the last character has two bits that no byte needs, and they are zero. The kind is not in the bytes:
-- whoever looks for a row compares vault.token_text of it, too.
CREATE OR REPLACE FUNCTION vault.token_bytes(token text) RETURNS bytea
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  -- the planner may decode a constant before the condition below is tested
  SELECT decode(
    CASE WHEN token_bytes.token ~ '_[A-Za-z0-9_-]{27}$' THEN translate(right(token_bytes.token, 27), '-_', '+/') || '=' END,
    'base64'
  )
  FROM vault.token_generation AS present
  WHERE token_bytes.token
    ~ ('^[a-z][a-z_]{0,31}_v' || present.generation || '_[A-Za-z0-9_-]{26}[AEIMQUYcgkosw048]$');
$$;
