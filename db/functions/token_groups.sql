-- For each of these columns of user_logins, a digest of how many groups of equal values there are of each size: it stays the
-- same when equal values stay equal, and different ones different. And how many of all these values are tokens: they
-- contain `part`, and match `pattern`.
CREATE OR REPLACE FUNCTION vault.token_groups(
  columns text[], part text, pattern text, OUT digests text[], OUT tokens bigint
)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET work_mem = '256MB' AS $$
DECLARE
  name text;
  digest text;
  counted bigint;
BEGIN
  digests := '{}';
  tokens := 0;
  FOREACH name IN ARRAY columns LOOP
    EXECUTE format($query$
      SELECT encode(sha256(convert_to(coalesce(string_agg(size || ':' || n, ',' ORDER BY size), ''), 'UTF8')), 'hex'),
        coalesce(sum(matching), 0)
      FROM (
        SELECT size, count(*) AS n, count(*) FILTER (WHERE strpos(name, $1) > 0 AND name ~ $2) AS matching
        FROM (
          SELECT login.%1$I::text AS name, count(*) AS size FROM public.user_logins AS login
          WHERE login.%1$I IS NOT NULL GROUP BY 1
        ) AS named GROUP BY size
      ) AS sizes
    $query$, name)
    INTO digest, counted USING part, pattern;
    digests := digests || digest;
    tokens := tokens + counted;
  END LOOP;
END;
$$;
