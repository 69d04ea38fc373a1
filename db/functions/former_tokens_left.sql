-- How many rows are left under tokens of the former generation, after a swap: logins, by these columns of user_logins,
-- values that the vault had before it, and tombstones. Reads all of user_logins.
CREATE OR REPLACE FUNCTION vault.former_tokens_left(columns text[]) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET work_mem = '256MB' AS $$
DECLARE
  former integer;
  since timestamptz;
  logins bigint;
  rest bigint;
BEGIN
  PERFORM vault.check_token_columns(columns);
  SELECT from_generation, swapped_at INTO former, since FROM vault.rotation WHERE phase = 'swapped';
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no rotation has replaced the tokens' USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  EXECUTE (
    SELECT format('SELECT count(*) FROM public.user_logins AS login WHERE %s', string_agg(
      format('(strpos(login.%1$I::text, $1) > 0 AND login.%1$I::text ~ $2)', column_name), ' OR '
    )) FROM unnest(columns) AS listed (column_name)
  ) INTO logins USING '_v' || former || '_', vault.token_pattern(former);
  SELECT count(*) INTO rest FROM (
    -- ingest stores nothing under the former key any more, and what a thief stores as it must not hold this up for good
    SELECT value.token FROM vault.pii_vault AS value WHERE value.created_at <= since
    UNION ALL SELECT gone.token FROM vault.tombstones AS gone
  ) AS named WHERE EXISTS (SELECT FROM vault.token_map AS map WHERE map.token = named.token);
  RETURN logins + rest;
END;
$$;
