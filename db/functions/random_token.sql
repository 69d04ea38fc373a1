-- 20 random bytes: the name of a value that nobody can name again.
CREATE OR REPLACE FUNCTION vault.random_token() RETURNS bytea
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  -- two of Postgres's own random numbers, of 122 bits each
  SELECT substr(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 1, 20);
$$;
