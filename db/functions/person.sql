-- The caller of a request that needs two people, as vault.quota_holder names it; null for one that cannot be told from
-- others: the account's root, a federated user, a claimed name, and whatever else AWS may name in future.
CREATE OR REPLACE FUNCTION vault.person(source vault.principal_source, principal text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE
    WHEN source::text = 'iam'
      AND principal ~ '^arn:[^:]+:(iam::[0-9]{12}:user|sts::[0-9]{12}:assumed-role/[^/]+)/[!-~]+$'
    THEN vault.quota_holder(source, principal)
  END;
$$;
