-- Whether a role's limits leave its caller room for `wanted` more. `exceeded` is the limit that does not: 'quota' (of
-- one caller), 'cap' (of all callers together), or null. The other columns are about that limit, or about the quota.
CREATE OR REPLACE FUNCTION vault.check_limits(
  role text, caller text, wanted integer,
  OUT exceeded text, OUT allowed integer, OUT remaining bigint, OUT retry_at timestamptz
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  own vault.limits;
BEGIN
  SELECT * INTO STRICT own FROM vault.limits WHERE limits.role = check_limits.role;
  allowed := own.overall;
  SELECT * INTO remaining, retry_at FROM vault.room_for(role, ''::text, allowed, wanted);
  IF wanted > remaining THEN
    exceeded := 'cap';
    RETURN;
  END IF;
  allowed := own.per_caller;
  SELECT * INTO remaining, retry_at FROM vault.room_for(role, caller, allowed, wanted);
  IF wanted > remaining THEN exceeded := 'quota'; END IF;
END;
$$;
