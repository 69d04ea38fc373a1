-- For the administrator of the database, before the first migration; may be run again at any time.
-- Makes the role that owns the vault. It is no superuser: it may create roles, schemas and tables here.
DO $$
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
  -- a table that was there before stays as it is, rows and grants; only its owner changes
  IF to_regclass('public.user_logins') IS NOT NULL THEN
    ALTER TABLE public.user_logins OWNER TO vault_migrator;
  END IF;
END
$$;
