-- Waits until nobody writes to user_logins, and keeps others from it until this transaction ends. Ingest is paused: a session
-- of vault_ingest that keeps a lock for two seconds is ended. Returns the sessions that still have one after ten seconds
-- as JSON, without the lock; else null.
CREATE OR REPLACE FUNCTION vault.lock_logins() RETURNS json
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
-- the caller's own is back after this
SET lock_timeout = '2s' AS $$
DECLARE
  wait text;
  blockers json;
BEGIN
  FOREACH wait IN ARRAY ARRAY['2s', '2s', '6s'] LOOP
    BEGIN
      PERFORM set_config('lock_timeout', wait, true);
      LOCK TABLE public.user_logins IN SHARE ROW EXCLUSIVE MODE;
      RETURN NULL;
    EXCEPTION WHEN lock_not_available THEN
      -- whoever came after this one waited behind it
      SELECT json_agg(DISTINCT jsonb_build_object(
        'pid', holder.pid, 'user', coalesce(holder.usename, holder.backend_type), 'since', holder.xact_start
      )) INTO blockers
      FROM pg_locks AS held JOIN pg_stat_activity AS holder ON holder.pid = held.pid
      WHERE held.granted AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND held.mode NOT IN ('AccessShareLock', 'RowShareLock') AND holder.pid <> pg_backend_pid()
        AND (
          held.relation = 'public.user_logins'::regclass
          OR held.relation IN (SELECT relid FROM pg_partition_tree('public.user_logins'))
        );
      PERFORM vault.end_ingest(ARRAY(SELECT (blocker ->> 'pid')::integer FROM json_array_elements(blockers) AS blocker));
    END;
  END LOOP;
  RETURN coalesce(blockers, '[]');
END;
$$;
