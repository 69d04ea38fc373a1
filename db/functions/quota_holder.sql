-- Whose quota a request counts against. Names that a caller can choose freely are left out, because each request could
-- bring another one: the session name of an assumed role or a federated user, and a claimed name.
CREATE OR REPLACE FUNCTION vault.quota_holder(source vault.principal_source, principal text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE source::text
    WHEN 'claimed' THEN 'claimed'
    ELSE coalesce(
      substring(principal FROM '^(arn:[^:]*:sts:[^:]*:[^:]*:(?:assumed-role/[^/]+|federated-user))/'),
      principal
    )
  END;
$$;
