-- Ends sessions of the vault's functions whose transaction is older than any request can be: such a session hangs, or
-- keeps the audit's lock on purpose. No setting of the session prevents this. Returns how many.
CREATE OR REPLACE FUNCTION vault.end_stale_sessions() RETURNS integer
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT count(pg_terminate_backend(activity.pid))::integer FROM pg_stat_activity AS activity
  WHERE activity.datname = current_database()
    AND activity.usename IN ('vault_reveal', 'vault_reveal_url', 'vault_tokenize', 'vault_erase')
    AND activity.xact_start < clock_timestamp() - interval '10 seconds'
    AND activity.pid <> pg_backend_pid();
$$;
