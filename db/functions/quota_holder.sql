-- Whose quota a request counts against. What a caller may choose freely is left out, or each request could bring
-- another name: the name of a session, federated or of an assumed role, and a name that is only claimed.
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
