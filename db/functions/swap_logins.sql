-- Replaces the tokens of the logins of user_logins, or of this partition of it, that vault.next_names gives. Returns how many.
CREATE OR REPLACE FUNCTION vault.swap_logins(leaf regclass, columns text[], former integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
-- each login is found by its place
SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  rewritten bigint;
BEGIN
  EXECUTE (
    SELECT format(
      'UPDATE ONLY %s AS login SET %s FROM vault.next_names($1, $2, $3) AS next WHERE login.ctid = next.place',
      leaf, string_agg(format('%I = next.names[%s]', column_name, n), ', ' ORDER BY n)
    )
    FROM unnest(columns) WITH ORDINALITY AS listed (column_name, n)
  ) USING leaf, columns, former;
  GET DIAGNOSTICS rewritten = ROW_COUNT;
  RETURN rewritten;
END;
$$;
