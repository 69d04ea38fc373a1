-- Writes the networks of mapped addresses under their next names, where they have them under their present ones. Until the
-- swap no login has these names, and vault.sweep_tokens deletes those that are not needed.
CREATE OR REPLACE FUNCTION vault.map_networks(tokens bytea[], new_tokens bytea[], networks text[], subnets text[])
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- a plan from when a table was small must not read all of it later
SET enable_seqscan = off AS $$
DECLARE
  former integer;
BEGIN
  -- the swap must wait for this transaction
  LOCK TABLE vault.token_map IN ROW EXCLUSIVE MODE;
  SELECT from_generation INTO former FROM vault.rotation WHERE phase = 'mapping';
  IF NOT FOUND THEN
    RAISE EXCEPTION 'networks are mapped only while a rotation maps values' USING ERRCODE = 'insufficient_privilege';
  END IF;
  -- most stages have none
  IF NOT EXISTS (SELECT FROM public.ip_networks) THEN RETURN; END IF;
  WITH held AS MATERIALIZED (
    -- an erase waits until this is committed, and then deletes the networks too
    SELECT value.token FROM vault.pii_vault AS value
    WHERE value.token = ANY (new_tokens) ORDER BY value.token FOR KEY SHARE
  )
  INSERT INTO public.ip_networks AS network (masked_ip, masked_network, masked_subnet)
  SELECT vault.network_key(former + 1, given.new_token), given.network, given.subnet
  FROM unnest(tokens, new_tokens, networks, subnets) AS given (token, new_token, network, subnet)
  JOIN held ON held.token = given.new_token
  WHERE EXISTS (
    SELECT FROM public.ip_networks AS present WHERE present.masked_ip = vault.network_key(former, given.token)
  )
  ON CONFLICT ON CONSTRAINT ip_networks_pkey DO NOTHING;
END;
$$;
