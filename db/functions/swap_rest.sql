-- Replaces the tokens of the former generation that vault.swap_logins has left in these columns of user_logins, or that came
-- after it: those that no value of the vault ever had, and those in the other column or of another kind than the value. Each
-- keeps the kind that it is spelled with, so that different ones stay different. Returns how many were new to
-- vault.token_map, and how many logins were rewritten.
CREATE OR REPLACE FUNCTION vault.swap_rest(
  columns text[], former integer, OUT unheld bigint, OUT rewritten bigint
)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
SET work_mem = '256MB' SET enable_mergejoin = off AS $$
DECLARE
  part CONSTANT text := '_v' || former || '_';
  pattern CONSTANT text := vault.token_pattern(former);
BEGIN
  EXECUTE (
    SELECT format($query$
      INSERT INTO vault.token_map AS map (token, kind, new_token, origin)
      SELECT decode(translate(right(named.name, 27), '-_', '+/') || '=', 'base64'),
        left(named.name, -length($1) - 27)::vault.pii_kind, vault.random_token(), 'unheld'
      FROM (%s) AS named
      ON CONFLICT ON CONSTRAINT token_map_pkey DO NOTHING
    $query$, string_agg(format(
      'SELECT %1$I::text AS name FROM public.user_logins WHERE strpos(%1$I::text, $1) > 0 AND %1$I::text ~ $2', column_name
    ), ' UNION '))
    FROM unnest(columns) AS listed (column_name)
  ) USING part, pattern;
  GET DIAGNOSTICS unheld = ROW_COUNT;
  EXECUTE (
    SELECT format(
      'UPDATE public.user_logins AS login SET %s WHERE %s',
      string_agg(format($set$%1$I = CASE WHEN login.%1$I::text ~ $2 THEN (
        SELECT left(login.%1$I::text, -length($1) - 27) || $3
          || rtrim(translate(encode(map.new_token, 'base64'), '+/', '-_'), '=')
        FROM vault.token_map AS map
        WHERE map.token = decode(translate(right(login.%1$I::text, 27), '-_', '+/') || '=', 'base64')
      ) ELSE login.%1$I::text END$set$, column_name), ', ' ORDER BY n),
      string_agg(format('(strpos(login.%1$I::text, $1) > 0 AND login.%1$I::text ~ $2)', column_name), ' OR ' ORDER BY n)
    )
    FROM unnest(columns) WITH ORDINALITY AS listed (column_name, n)
  ) USING part, pattern, '_v' || former + 1 || '_';
  GET DIAGNOSTICS rewritten = ROW_COUNT;
END;
$$;
