-- Names values anew, each with its value sealed anew in its new place, in the order of `tokens`. A value that was deleted
-- meanwhile is left out. Where `is_broken`, the seal did not open: the value is carried as it is, under a random name.
-- Raises an error where a next name is that of another value, or of one that was erased. A value that is mapped again loses
-- the name that it had. Returns how many values were mapped.
CREATE OR REPLACE FUNCTION vault.map_tokens(
  tokens bytea[], new_tokens bytea[], ciphertexts bytea[], broken boolean[],
  data_key_id uuid, wrapped_key bytea, kms_key_arn text
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- a plan from when a table was small must not read all of it later
SET enable_seqscan = off AS $$
DECLARE
  mapped bigint;
  former_names bytea[];
BEGIN
  -- not a row lock: the swap must wait for this transaction, whatever it changes
  LOCK TABLE vault.token_map IN ROW EXCLUSIVE MODE;
  -- another call waits, which would not see the copies that this one makes
  PERFORM FROM vault.rotation WHERE phase = 'mapping' FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'values are mapped only while a rotation maps them' USING ERRCODE = 'insufficient_privilege';
  END IF;
  -- a rotation that is taken back deletes what is under the next names
  IF EXISTS (
    SELECT FROM unnest(tokens, new_tokens, broken) AS given (token, new_token, is_broken)
    JOIN vault.pii_vault AS held ON held.token = given.new_token
    WHERE given.is_broken IS NOT TRUE AND NOT EXISTS (
      SELECT FROM vault.token_map AS map WHERE map.token = given.token AND map.new_token = given.new_token
    )
  ) OR EXISTS (
    SELECT FROM unnest(new_tokens, broken) AS given (new_token, is_broken)
    JOIN vault.tombstones AS gone ON gone.token = given.new_token
    WHERE given.is_broken IS NOT TRUE
  ) THEN
    RAISE EXCEPTION 'a next name is that of another value' USING ERRCODE = 'unique_violation';
  END IF;
  INSERT INTO vault.data_keys AS key (id, wrapped_key, kms_key_arn)
  SELECT map_tokens.data_key_id, map_tokens.wrapped_key, map_tokens.kms_key_arn WHERE map_tokens.data_key_id IS NOT NULL
  ON CONFLICT ON CONSTRAINT data_keys_pkey DO NOTHING;

  -- its copy under the name from before, which neither an erase nor a rotation that is taken back would find any more
  former_names := ARRAY(
    SELECT map.new_token FROM unnest(tokens, new_tokens, broken) AS given (token, new_token, is_broken)
    JOIN vault.token_map AS map ON map.token = given.token
    WHERE given.is_broken OR map.new_token <> given.new_token
  );
  IF cardinality(former_names) > 0 THEN
    -- as below, and in the same order
    PERFORM FROM vault.pii_vault AS value WHERE value.token = ANY (tokens) ORDER BY value.token FOR KEY SHARE;
    DELETE FROM vault.pii_vault AS value WHERE value.token = ANY (former_names);
    DELETE FROM public.ip_networks AS network WHERE network.masked_ip = ANY (ARRAY(
      SELECT vault.network_key(rotation.from_generation + 1, name) FROM vault.rotation, unnest(former_names) AS name
    ));
  END IF;
  WITH given AS (
    SELECT * FROM unnest(tokens, new_tokens, ciphertexts, broken)
      AS given (token, new_token, ciphertext, is_broken)
  ), held AS MATERIALIZED (
    -- an erase waits until this is committed, and then deletes both
    SELECT value.* FROM vault.pii_vault AS value
    WHERE value.token = ANY (tokens) ORDER BY value.token FOR KEY SHARE
  ), named AS (
    INSERT INTO vault.token_map AS map (token, kind, new_token, origin)
    SELECT held.token, held.kind, CASE WHEN given.is_broken THEN vault.random_token() ELSE given.new_token END,
      CASE WHEN given.is_broken THEN 'broken' ELSE 'held' END
    FROM held JOIN given ON given.token = held.token
    -- erased and collected again meanwhile
    ON CONFLICT ON CONSTRAINT token_map_pkey DO UPDATE SET new_token = excluded.new_token, origin = excluded.origin
    RETURNING map.token, map.new_token
  )
  INSERT INTO vault.pii_vault AS value (created_at, kind, data_key_id, token, ciphertext)
  SELECT held.created_at, held.kind,
    CASE WHEN given.is_broken THEN held.data_key_id ELSE map_tokens.data_key_id END, named.new_token,
    CASE WHEN given.is_broken THEN held.ciphertext ELSE given.ciphertext END
  FROM named JOIN held ON held.token = named.token JOIN given ON given.token = named.token
  ORDER BY named.new_token
  ON CONFLICT ON CONSTRAINT pii_vault_pkey DO NOTHING;
  GET DIAGNOSTICS mapped = ROW_COUNT;
  RETURN mapped;
END;
$$;
