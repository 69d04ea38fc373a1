-- What the columns of user_logins and ip_networks mean, for analysts: psql shows it with \d+. Applied by each migrate. A
-- comment that the team wrote itself stays as it is.
DO $$
DECLARE
  mark CONSTANT text := ' (written by pii-vault)';
  of_table regclass;
  column_name text;
  meaning text;
BEGIN
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  FOR of_table, column_name, meaning IN
    SELECT attrelid, attname, wanted.meaning || mark
    FROM pg_attribute
    JOIN LATERAL (
      VALUES
        ('public.user_logins'::regclass, 'user_id', 'The account that logged in, as the producer named it.'),
        ('public.user_logins', 'device_type', 'The type of device, as the producer named it, such as ios or android.'),
        ('public.user_logins', 'locale', 'The locale, as the producer named it; null where the login had none.'),
        (
          'public.user_logins', 'app_version',
          'The version of the app: major * 1000000 + minor * 1000 + patch; 2003000 is 2.3.0.'
        ),
        ('public.user_logins', 'create_date', 'The UTC day on which SQS received the message about the login.'),
        (
          'public.user_logins', CASE WHEN attname ^@ 'masked_' THEN attname END,
          'A token instead of the personal value: equal values have equal tokens. Null where the login had none.'
        ),
        ('public.ip_networks', 'masked_ip', 'The token of an address, as user_logins has it.'),
        ('public.ip_networks', 'masked_network', 'The token of the IPv4 /24 or IPv6 /48 that the address is in.'),
        ('public.ip_networks', 'masked_subnet', 'The token of the IPv6 /64 that the address is in; null for IPv4.')
    ) AS wanted (of_table, name, meaning) ON wanted.of_table = attrelid AND wanted.name = attname
    WHERE attnum > 0 AND NOT attisdropped
  LOOP
    -- what is right already takes no lock
    CONTINUE WHEN (
      SELECT coalesce(old.comment = meaning OR right(old.comment, length(mark)) <> mark, false)
      FROM (
        SELECT col_description(attrelid, attnum) AS comment FROM pg_attribute
        WHERE attrelid = of_table AND attname = column_name
      ) AS old
    );
    EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', of_table, column_name, meaning);
  END LOOP;
END
$$;
