-- Ends sessions of the vault's functions whose transaction is older than any of their requests can be: such a session
-- hangs, or keeps the audit's lock on purpose. Returns how many ended. A session in a call that does not look for
-- interrupts stays, and only the administrator can end it, by a restart. The daily round has long transactions too, to
-- read the audit: its sessions end only where they keep the lock, or a checkpoint that is not committed. So has the rotation
-- of the token key, each in one statement: its sessions end where they have kept the lock for a minute, or a transaction
-- open after a statement.
CREATE OR REPLACE FUNCTION vault.end_stale_sessions() RETURNS integer
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT (count(*) FILTER (WHERE pg_terminate_backend(activity.pid, 200)))::integer FROM pg_stat_activity AS activity
  WHERE activity.datname = current_database() AND activity.pid <> pg_backend_pid()
    AND (
      activity.xact_start < clock_timestamp() - interval '10 seconds' AND (
        activity.usename IN ('vault_reveal', 'vault_reveal_url', 'vault_tokenize', 'vault_erase', 'vault_break_glass', 'vault_approve')
        OR activity.usename = 'vault_maintain' AND EXISTS (
          SELECT FROM pg_locks AS held
          WHERE held.pid = activity.pid AND (
            held.relation = 'vault.audit_head'::regclass AND held.mode = 'RowShareLock'
            OR held.relation = 'vault.audit_checkpoints'::regclass AND held.mode = 'RowExclusiveLock'
          )
        )
      )
      OR activity.usename = 'vault_rotate' AND (
        -- vault.lock_audit_chain notes since when it has the lock
        EXISTS (
          SELECT FROM pg_locks AS noted
          WHERE noted.pid = activity.pid AND noted.locktype = 'advisory' AND noted.classid = 'vault.audit_head'::regclass
            AND noted.objid::bigint < extract(epoch FROM clock_timestamp() - interval '1 minute')
        )
        OR activity.xact_start < clock_timestamp() - interval '1 minute'
          AND (activity.state <> 'active' OR activity.query_start > activity.xact_start + interval '1 second')
      )
    );
$$;
