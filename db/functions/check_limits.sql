-- Whether the limits of a role leave its caller room for `wanted`. `exceeded` is the limit that does not: 'quota' (of
-- this caller) or 'cap' (of all callers together), else null. The other results are about that limit, or the quota.
-- Raises where a caller, or all callers, had so much refused in this hour that more rows would only fill the audit.
CREATE OR REPLACE FUNCTION vault.check_limits(
  role text, caller text, wanted integer,
  OUT exceeded text, OUT allowed integer, OUT remaining bigint, OUT retry_at timestamptz
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  own vault.limits;
  refused CONSTANT text := role || ' refused';
BEGIN
  SELECT * INTO STRICT own FROM vault.limits WHERE limits.role = check_limits.role;
  IF wanted > least(
    (vault.room_for(refused, ''::text, least(own.overall, 100000000) * 10 + 1000, wanted)).remaining,
    (vault.room_for(refused, caller, least(own.per_caller, 100000000) * 10 + 1000, wanted)).remaining
  ) THEN
    RAISE EXCEPTION 'too much was refused to % in this hour', role USING ERRCODE = 'configuration_limit_exceeded';
  END IF;

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
