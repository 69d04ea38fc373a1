-- Whether `wanted` more tokens are too many for this caller without somebody else's approval: above the stage's number
-- within 24 hours, whichever function revealed them. Correct only while the audit chain is locked.
CREATE OR REPLACE FUNCTION vault.needs_approval(caller text, wanted integer) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  above CONSTANT integer := (SELECT rule.above FROM vault.approval_rule AS rule);
BEGIN
  IF above IS NULL THEN RETURN false; END IF;
  RETURN wanted + (
    -- an hour counts until 24 hours after its end
    SELECT coalesce(sum(counted.used), 0) FROM vault.usage AS counted
    WHERE counted.role = 'revealed in a day' AND counted.caller = needs_approval.caller
      AND counted.minute > clock_timestamp() - interval '25 hours'
  ) > above;
END;
$$;
