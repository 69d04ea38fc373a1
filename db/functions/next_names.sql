-- The logins of user_logins, or of this partition of it, that have in each of these columns null or a token of the column's
-- kind that vault.token_map names: where each is, and the next names in the order of the columns.
--
-- The map of each kind is hashed. One that is larger than the memory gives the logins in many passes over the table, so they
-- are sorted by their place: each page is then written once, and not logged whole again in every pass.
CREATE OR REPLACE FUNCTION vault.next_names(leaf regclass, columns text[], former integer) RETURNS TABLE (
  place tid, names text[]
)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
SET work_mem = '256MB' SET enable_hashjoin = on SET enable_mergejoin = off SET enable_nestloop = off AS $$
BEGIN
  RETURN QUERY EXECUTE (
    SELECT format(
      'SELECT login.ctid, ARRAY[%s] FROM ONLY %s AS login, %s WHERE %s AND NOT (%s) ORDER BY login.ctid',
      string_agg(format('map%s.next', n), ', ' ORDER BY n),
      leaf,
      string_agg(format($map$(
        SELECT map.kind::text || $1 || rtrim(translate(encode(map.token, 'base64'), '+/', '-_'), '=') AS former,
          map.kind::text || $2 || rtrim(translate(encode(map.new_token, 'base64'), '+/', '-_'), '=') AS next
        FROM vault.token_map AS map WHERE map.kind = %L UNION ALL SELECT '', NULL
      ) AS map%s$map$, substr(column_name, length('masked_') + 1), n), ', ' ORDER BY n),
      string_agg(format(
        $join$coalesce(login.%1$I::text, '') = map%2$s.former AND login.%1$I IS DISTINCT FROM ''$join$, column_name, n
      ), ' AND ' ORDER BY n),
      string_agg(format('login.%I IS NULL', column_name), ' AND ' ORDER BY n)
    )
    FROM unnest(columns) WITH ORDINALITY AS listed (column_name, n)
  ) USING '_v' || former || '_', '_v' || former + 1 || '_';
END;
$$;
