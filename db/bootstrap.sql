-- For the administrator of the database, before the first migration; may be run again at any time.
-- Makes the role that owns the vault. It is no superuser: it may create roles, schemas and tables here.
DO $$
DECLARE
  former_owner text;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'vault_migrator') THEN
    CREATE ROLE vault_migrator LOGIN CREATEROLE;
  END IF;
  -- on RDS: log in by IAM, and pass that on to the roles it makes
  IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'rds_iam') THEN
    GRANT rds_iam TO vault_migrator WITH ADMIN OPTION;
  END IF;
  EXECUTE format('GRANT CREATE ON DATABASE %I TO vault_migrator', current_database());
  GRANT USAGE, CREATE ON SCHEMA public TO vault_migrator WITH GRANT OPTION;
  -- a table that was there before stays as it is, rows and grants; its owner changes, and who owned
  -- it keeps every right on it
  SELECT tableowner INTO former_owner FROM pg_catalog.pg_tables
  WHERE schemaname = 'public' AND tablename = 'user_logins' AND tableowner <> 'vault_migrator';
  IF FOUND THEN
    -- an administrator who is no superuser, as on RDS, may hand over only to a role it can become
    IF NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
      EXECUTE format('GRANT vault_migrator TO %I WITH INHERIT FALSE, SET TRUE', current_user);
    END IF;
    ALTER TABLE public.user_logins OWNER TO vault_migrator;
    SET LOCAL ROLE vault_migrator;
    EXECUTE format('GRANT ALL ON public.user_logins TO %I', former_owner);
    RESET ROLE;
  END IF;
END
$$;
