-- Raises an error unless these are the columns of user_logins that hold tokens, `masked_` and a kind, each of them once: a
-- rotation that left one out would leave its tokens without a value.
CREATE OR REPLACE FUNCTION vault.check_token_columns(columns text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  expected CONSTANT text[] := ARRAY(SELECT 'masked_' || kind FROM unnest(enum_range(NULL::vault.pii_kind)) AS kind);
BEGIN
  IF cardinality(columns) IS DISTINCT FROM cardinality(expected) OR NOT columns @> expected THEN
    RAISE EXCEPTION 'the columns that hold tokens are %', array_to_string(expected, ', ')
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
END;
$$;
