-- Counts tokens that were revealed to a caller without an approval, by the hour, for vault.needs_approval.
CREATE OR REPLACE FUNCTION vault.count_day(caller text, used integer) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO vault.usage AS counted (role, caller, minute, used)
  SELECT 'revealed in a day', count_day.caller, date_bin('1 hour', clock_timestamp(), 'epoch'), count_day.used
  FROM vault.approval_rule AS rule
  WHERE rule.above IS NOT NULL AND count_day.used > 0
  ON CONFLICT ON CONSTRAINT usage_role_caller_minute_pk DO UPDATE SET used = counted.used + excluded.used;
$$;
