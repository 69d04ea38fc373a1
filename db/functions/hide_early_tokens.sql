-- Gives random names to the tokens of this generation in these columns of user_logins: before the swap to it, nobody who is
-- honest can have made them. Equal ones stay equal. Returns how many logins were rewritten.
CREATE OR REPLACE FUNCTION vault.hide_early_tokens(columns text[], generation integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  rewritten bigint;
BEGIN
  EXECUTE (
    SELECT format(
      'UPDATE public.user_logins AS login SET %s WHERE %s',
      string_agg(format($set$%1$I = CASE WHEN login.%1$I::text ~ $2 THEN left(login.%1$I::text, -27) || rtrim(
        translate(encode(substr(sha256($3 || convert_to(login.%1$I::text, 'UTF8')), 1, 20), 'base64'), '+/', '-_'), '='
      ) ELSE login.%1$I::text END$set$, column_name), ', ' ORDER BY n),
      string_agg(format('(strpos(login.%1$I::text, $1) > 0 AND login.%1$I::text ~ $2)', column_name), ' OR ' ORDER BY n)
    )
    FROM unnest(columns) WITH ORDINALITY AS listed (column_name, n)
  ) USING '_v' || generation || '_', vault.token_pattern(generation), vault.random_token();
  GET DIAGNOSTICS rewritten = ROW_COUNT;
  RETURN rewritten;
END;
$$;
