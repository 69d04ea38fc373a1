-- What the columns of user_logins mean, for analysts: psql shows it with \d+. Applied by each migrate. A comment that the
-- team wrote itself stays as it is.
DO $$
DECLARE
  mark CONSTANT text := ' (written by pii-vault)';
  column_name text;
  meaning text;
BEGIN
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  FOR column_name, meaning IN
    SELECT attname, wanted.meaning || mark
    FROM pg_attribute
    JOIN LATERAL (
      VALUES
        ('user_id', 'The account that logged in, as the producer named it.'),
        ('device_type', 'The type of device, as the producer named it, such as ios or android.'),
        ('locale', 'The locale, as the producer named it; null where the login had none.'),
        ('app_version', 'The version of the app: major * 1000000 + minor * 1000 + patch; 2003000 is 2.3.0.'),
        ('create_date', 'The UTC day on which SQS received the message about the login.'),
        (
          CASE WHEN attname ^@ 'masked_' THEN attname END,
          'A token instead of the personal value: equal values have equal tokens. Null where the login had none.'
        )
    ) AS wanted (name, meaning) ON wanted.name = attname
    WHERE attrelid = 'public.user_logins'::regclass AND attnum > 0 AND NOT attisdropped
  LOOP
    -- what is right already takes no lock
    CONTINUE WHEN (
      SELECT coalesce(old.comment = meaning OR right(old.comment, length(mark)) <> mark, false)
      FROM (
        SELECT col_description(attrelid, attnum) AS comment FROM pg_attribute
        WHERE attrelid = 'public.user_logins'::regclass AND attname = column_name
      ) AS old
    );
    EXECUTE format('COMMENT ON COLUMN public.user_logins.%I IS %L', column_name, meaning);
  END LOOP;
END
$$;
