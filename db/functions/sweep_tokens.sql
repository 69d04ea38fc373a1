-- Deletes, after the swap, the vault's rows, tombstones and networks under former tokens, and in a rotation that is being
-- aborted the rows and networks under the next ones: of up to `rows` entries of vault.token_map after the token `after`
-- (null: from the first). Returns the last of these tokens; null at the end.
CREATE OR REPLACE FUNCTION vault.sweep_tokens(after bytea, rows integer, OUT last bytea, OUT deleted bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- a plan from when a table was small must not read all of it later
SET enable_seqscan = off AS $$
DECLARE
  reached text;
  generation integer;
  tokens bytea[];
  ended bytea[];
BEGIN
  SELECT phase, CASE phase WHEN 'swapped' THEN from_generation ELSE from_generation + 1 END INTO reached, generation
  FROM vault.rotation WHERE phase IN ('swapped', 'aborting');
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is nothing to sweep' USING ERRCODE = 'insufficient_privilege';
  END IF;
  SELECT array_agg(page.token ORDER BY page.token),
    array_agg(CASE WHEN reached = 'swapped' THEN page.token ELSE page.new_token END)
  INTO tokens, ended
  FROM (
    SELECT map.* FROM vault.token_map AS map
    WHERE map.token > coalesce(after, ''::bytea) ORDER BY map.token LIMIT rows
  ) AS page;
  DELETE FROM vault.pii_vault AS value WHERE value.token = ANY (ended);
  GET DIAGNOSTICS deleted = ROW_COUNT;
  DELETE FROM public.ip_networks AS network
  WHERE network.masked_ip = ANY (ARRAY(SELECT vault.network_key(generation, name) FROM unnest(ended) AS name));
  IF reached = 'swapped' THEN
    DELETE FROM vault.tombstones AS gone WHERE gone.token = ANY (tokens);
  END IF;
  last := tokens[cardinality(tokens)];
END;
$$;
