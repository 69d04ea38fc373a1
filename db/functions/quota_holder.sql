-- Who a caller is, whatever session it calls from: whose limits a request counts against, and who is somebody else.
-- Names that a caller can choose freely are left out, because each request could bring another one: the session name of
-- an assumed role or a federated user, and a claimed name. In the roles that AWS IAM Identity Center makes, the session
-- name is the user's own, whatever the permission set. AWS compares names of users whatever their case. An IAM user's
-- name is its own in the account, and its path can be changed: the path is left out. A session can give a backslash in a
-- plain literal another meaning, so there is none.
CREATE OR REPLACE FUNCTION vault.quota_holder(source vault.principal_source, principal text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE source::text
    WHEN 'iam' THEN lower(coalesce(
      'sso:' || substring(
        principal FROM '(?i)^arn:[^:]*:sts:[^:]*:[^:]*:assumed-role/AWSReservedSSO_[^/]*_[0-9a-f]{16}/(.+)$'
      ),
      substring(principal FROM '(?i)^(arn:[^:]*:sts:[^:]*:[^:]*:(?:assumed-role/[^/]+|federated-user))/'),
      substring(principal FROM '(?i)^(arn:[^:]*:iam::[^:]*:user/).*/') || substring(principal FROM '[^/]*$'),
      principal
    ) COLLATE "C")
    ELSE source::text
  END;
$$;
