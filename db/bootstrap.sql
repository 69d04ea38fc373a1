-- For the administrator of the database: a superuser, or on RDS a member of rds_superuser. Run it before the first
-- migration (psql -X -v ON_ERROR_STOP=1 -f db/bootstrap.sql), and again at any time. Postgres 16 or later.
--
-- It makes the vault's roles and gives vault_migrator, which owns the vault, what it needs to migrate. vault_migrator
-- may create objects in this database, so nothing that it could have made is read, called or resolved here: the
-- search path is pinned first, and only catalogs are read. One statement, as the RDS Data API takes no more.
--
-- It takes from PUBLIC: TEMPORARY on this database, CREATE on the schema public, and in this database EXECUTE on the
-- functions that create large objects, take advisory locks or emit logical messages. Grant them back to the roles of your
-- own that need them.
DO $$
DECLARE
  -- types and values here are resolved before the search path is pinned
  vault_roles pg_catalog.text[] := ARRAY[
    'vault_migrator', 'vault_ingest', 'vault_reveal', 'vault_reveal_url', 'vault_break_glass', 'vault_approve',
    'vault_tokenize', 'vault_erase', 'vault_maintain', 'vault_analyst', 'vault_auditor'
  ];
  this_database pg_catalog.text;
  is_superuser pg_catalog.bool;
  role_name pg_catalog.text;
  grantor_name pg_catalog.text;
  found_names pg_catalog.text;
  routine pg_catalog.text;
  logins_table pg_catalog.text;
  former_owner pg_catalog.text;
  is_handed_over pg_catalog.bool := false;
  former_role pg_catalog.text;
  grantee_name pg_catalog.text;
BEGIN
  SET LOCAL search_path = pg_catalog, pg_temp;
  SET LOCAL standard_conforming_strings = on;
  SET LOCAL createrole_self_grant = '';
  SET LOCAL lock_timeout = '10s';
  this_database := pg_catalog.current_database();
  SELECT rolsuper INTO is_superuser FROM pg_catalog.pg_roles WHERE rolname = current_user;

  -- migrate makes this role while the token key is rotated
  IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'vault_rotate') THEN
    vault_roles := pg_catalog.array_append(vault_roles, 'vault_rotate');
  END IF;

  -- a role of somebody else's that has one of these names, or one that was given more than the vault gives it
  SELECT pg_catalog.string_agg(rolname, ', ') INTO found_names FROM pg_catalog.pg_roles
  WHERE rolname = ANY (vault_roles) AND (
    rolsuper OR rolbypassrls OR rolreplication OR rolcreatedb
    OR (rolcreaterole AND rolname <> 'vault_migrator')
  );
  IF found_names IS NOT NULL THEN
    RAISE EXCEPTION 'these roles have attributes that the vault does not give them: %', found_names
      USING HINT = 'Find out who gave them, and take them away with ALTER ROLE.';
  END IF;

  FOREACH role_name IN ARRAY vault_roles LOOP
    CONTINUE WHEN EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role_name);
    IF role_name = 'vault_migrator' THEN
      CREATE ROLE vault_migrator LOGIN CREATEROLE;
    ELSE
      EXECUTE pg_catalog.format('CREATE ROLE %I LOGIN', role_name);
    END IF;
  END LOOP;

  -- so that migrate can set their limits and settings, and end their sessions
  FOREACH role_name IN ARRAY vault_roles LOOP
    CONTINUE WHEN role_name = 'vault_migrator' OR (
      SELECT pg_catalog.bool_or(admin_option) AND pg_catalog.bool_or(inherit_option)
      FROM pg_catalog.pg_auth_members
      WHERE roleid = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = role_name)
        AND member = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = 'vault_migrator')
    );
    BEGIN
      EXECUTE pg_catalog.format(
        'GRANT %I TO vault_migrator WITH ADMIN OPTION, INHERIT TRUE, SET FALSE', role_name
      );
    EXCEPTION WHEN insufficient_privilege THEN
      RAISE NOTICE '% was made by another role, so % may not grant it to vault_migrator', role_name, current_user;
    END;
  END LOOP;

  -- On RDS: each role logs in by IAM. Who may pass rds_iam on can end anybody's login by password, so vault_migrator
  -- may not; what it passed on so far is revoked with that.
  IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'rds_iam') THEN
    SELECT pg_catalog.string_agg(member::pg_catalog.regrole::pg_catalog.text, ', ') INTO found_names
    FROM pg_catalog.pg_auth_members
    WHERE roleid = 'rds_iam'::pg_catalog.regrole AND grantor = 'vault_migrator'::pg_catalog.regrole
      AND pg_catalog.pg_get_userbyid(member) <> ALL (vault_roles);
    IF found_names IS NOT NULL THEN
      RAISE WARNING 'vault_migrator had granted rds_iam to these roles, from which it is revoked: %', found_names;
    END IF;
    FOR grantor_name IN
      SELECT pg_catalog.pg_get_userbyid(grantor) FROM pg_catalog.pg_auth_members
      WHERE roleid = 'rds_iam'::pg_catalog.regrole AND member = 'vault_migrator'::pg_catalog.regrole
        AND admin_option
    LOOP
      BEGIN
        EXECUTE pg_catalog.format(
          'REVOKE ADMIN OPTION FOR rds_iam FROM vault_migrator GRANTED BY %I CASCADE', grantor_name
        );
      EXCEPTION WHEN insufficient_privilege THEN
        RAISE WARNING '% has to run: REVOKE ADMIN OPTION FOR rds_iam FROM vault_migrator CASCADE', grantor_name;
      END;
    END LOOP;
    FOREACH role_name IN ARRAY vault_roles LOOP
      CONTINUE WHEN EXISTS (
        SELECT FROM pg_catalog.pg_auth_members
        WHERE roleid = 'rds_iam'::pg_catalog.regrole AND pg_catalog.pg_get_userbyid(member) = role_name
      );
      BEGIN
        EXECUTE pg_catalog.format('GRANT rds_iam TO %I', role_name);
      EXCEPTION WHEN insufficient_privilege OR invalid_grant_operation THEN
        -- such as one of a role rds_iam that vault_migrator made itself, and made a member of this role
        RAISE WARNING '% cannot be granted rds_iam, so it cannot log in by IAM: %', role_name, SQLERRM;
      END;
    END LOOP;
  END IF;

  EXECUTE pg_catalog.format('GRANT CREATE ON DATABASE %I TO vault_migrator', this_database);
  REVOKE GRANT OPTION FOR CREATE ON SCHEMA public FROM vault_migrator CASCADE;
  GRANT CREATE ON SCHEMA public TO vault_migrator;
  GRANT USAGE ON SCHEMA public TO vault_migrator WITH GRANT OPTION;

  -- Nobody can put an object of their own in the place of one that a function or a person means.
  BEGIN
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    EXECUTE pg_catalog.format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', this_database);
    FOREACH role_name IN ARRAY vault_roles LOOP
      EXECUTE pg_catalog.format('REVOKE TEMPORARY ON DATABASE %I FROM %I CASCADE', this_database, role_name);
    END LOOP;
  EXCEPTION WHEN insufficient_privilege THEN
    -- what is left of these rights is named next
    NULL;
  END;
  FOREACH role_name IN ARRAY vault_roles LOOP
    IF pg_catalog.has_database_privilege(role_name, this_database, 'TEMPORARY') THEN
      RAISE WARNING '% may still create temporary objects: the owner of database % has to revoke TEMPORARY',
        role_name, this_database;
    END IF;
    IF role_name <> 'vault_migrator' AND pg_catalog.has_schema_privilege(role_name, 'public', 'CREATE') THEN
      RAISE WARNING '% may still create objects in the schema public: its owner has to revoke CREATE', role_name;
    END IF;
  END LOOP;

  -- No role may create large objects, whose size nothing limits, nor call what fills the lock table of the server, with
  -- which all other sessions fail: advisory locks, and messages in the write-ahead log, which give each savepoint a lock.
  -- Poolers call the functions that unlock. migrate takes an advisory lock, and functions of vault_migrator call both.
  IF is_superuser THEN
    REVOKE EXECUTE ON FUNCTION
      pg_catalog.lo_creat(pg_catalog.int4), pg_catalog.lo_create(pg_catalog.oid),
      pg_catalog.lo_from_bytea(pg_catalog.oid, pg_catalog.bytea),
      pg_catalog.lo_import(pg_catalog.text), pg_catalog.lo_import(pg_catalog.text, pg_catalog.oid),
      pg_catalog.lo_put(pg_catalog.oid, pg_catalog.int8, pg_catalog.bytea),
      pg_catalog.lowrite(pg_catalog.int4, pg_catalog.bytea)
    FROM PUBLIC;
    FOR routine IN
      SELECT pg_catalog.format('pg_catalog.%I(%s)', proname, pg_catalog.pg_get_function_identity_arguments(oid))
      FROM pg_catalog.pg_proc
      WHERE pronamespace = 'pg_catalog'::pg_catalog.regnamespace
        AND proname ~ '^(pg_(try_)?advisory_(xact_)?lock(_shared)?|pg_logical_emit_message)$'
    LOOP
      EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO vault_migrator', routine);
      EXECUTE pg_catalog.format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', routine);
    END LOOP;
  ELSE
    RAISE NOTICE 'every role may still create large objects and fill the lock table: only a superuser can revoke that';
  END IF;

  -- A table that was there before keeps its rows and grants; its owner changes, and the former owner keeps its rights
  -- on the rows. So it is with its partitions, or no release could ever add a column.
  FOR logins_table, former_owner IN
    WITH RECURSIVE family (relation) AS (
      SELECT pg_class.oid
      FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
      WHERE nspname = 'public' AND relname = 'user_logins' AND relkind IN ('r', 'p')
      UNION
      SELECT inhrelid FROM pg_catalog.pg_inherits JOIN family ON inhparent = relation
    )
    SELECT pg_catalog.format('%I.%I', nspname, relname), rolname
    FROM family
    JOIN pg_catalog.pg_class ON pg_class.oid = relation
    JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
    JOIN pg_catalog.pg_roles ON pg_roles.oid = relowner
    WHERE rolname <> 'vault_migrator' AND relkind IN ('r', 'p')
  LOOP
    BEGIN
      -- an administrator who is not a superuser may hand over only to a role that it can become
      IF NOT is_superuser THEN
        EXECUTE pg_catalog.format('GRANT vault_migrator TO %I WITH INHERIT FALSE, SET TRUE', current_user);
      END IF;
      EXECUTE pg_catalog.format('ALTER TABLE %s OWNER TO vault_migrator', logins_table);
      former_role := pg_catalog.current_setting('role');
      SET LOCAL ROLE vault_migrator;
      EXECUTE pg_catalog.format(
        'GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES ON %s TO %I', logins_table, former_owner
      );
      PERFORM pg_catalog.set_config('role', former_role, true);
      is_handed_over := true;
    EXCEPTION WHEN insufficient_privilege THEN
      IF logins_table = 'public.user_logins' THEN RAISE; END IF;
      RAISE NOTICE '% still belongs to %: no release can add a column to user_logins', logins_table, former_owner;
    END;
  END LOOP;

  -- Postgres evaluates indexes, checks, generated columns and statistics of a table as its owner, autovacuum too: whoever
  -- owns a function in one of them would run code as vault_migrator. The tables are locked since they were handed over.
  -- db/foreign-code.ts names the same in migrate.
  WITH RECURSIVE family (relation) AS (
    SELECT pg_class.oid
    FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = 'public' AND relname = 'user_logins' AND relkind IN ('r', 'p')
    UNION
    SELECT inhrelid FROM pg_catalog.pg_inherits JOIN family ON inhparent = relation
  ), ancestor (relation) AS (
    SELECT inhparent FROM pg_catalog.pg_inherits JOIN family ON inhrelid = relation
    UNION
    SELECT inhparent FROM pg_catalog.pg_inherits JOIN ancestor ON inhrelid = relation
  ), part (class, object) AS (
    -- types of columns, and keys of partitions
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, relation FROM family
    UNION ALL
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, indexrelid FROM pg_catalog.pg_index
    WHERE indrelid IN (SELECT relation FROM family)
    UNION ALL
    SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass, oid FROM pg_catalog.pg_attrdef
    WHERE adrelid IN (SELECT relation FROM family)
    UNION ALL
    SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, oid FROM pg_catalog.pg_constraint
    WHERE conrelid IN (SELECT relation FROM family)
    UNION ALL
    SELECT 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, oid FROM pg_catalog.pg_statistic_ext
    WHERE stxrelid IN (SELECT relation FROM family)
    UNION ALL
    -- without FORCE, the owner has no policy
    SELECT 'pg_catalog.pg_policy'::pg_catalog.regclass, pg_policy.oid
    FROM pg_catalog.pg_policy JOIN pg_catalog.pg_class ON pg_class.oid = polrelid
    WHERE polrelid IN (SELECT relation FROM family) AND relforcerowsecurity
    UNION ALL
    -- a trigger for INSERT runs as whoever inserts, unless a foreign key has the owner move rows between partitions
    SELECT 'pg_catalog.pg_trigger'::pg_catalog.regclass, oid FROM pg_catalog.pg_trigger
    WHERE tgrelid IN (SELECT relation FROM family) AND tgenabled <> 'D' AND (tgtype & 56 <> 0 OR EXISTS (
      SELECT FROM pg_catalog.pg_constraint
      WHERE conrelid IN (SELECT relation FROM family)
        AND contype = 'f' AND NOT (confupdtype IN ('a', 'r') AND confdeltype IN ('a', 'r'))
    ))
  ), used (class, object, part_class, part) AS (
    SELECT class, object, class, object FROM part
    UNION
    SELECT next.class, next.object, part_class, part
    FROM used CROSS JOIN LATERAL (
      SELECT refclassid AS class, refobjid AS object FROM pg_catalog.pg_depend
      WHERE classid = used.class AND objid = used.object AND refclassid IN (
        'pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_type'::pg_catalog.regclass,
        'pg_catalog.pg_operator'::pg_catalog.regclass, 'pg_catalog.pg_opclass'::pg_catalog.regclass,
        'pg_catalog.pg_opfamily'::pg_catalog.regclass
      )
      UNION ALL
      -- columns of a composite type
      SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, typrelid FROM pg_catalog.pg_type
      WHERE used.class = 'pg_catalog.pg_type'::pg_catalog.regclass AND pg_type.oid = used.object AND typrelid <> 0
      UNION ALL
      -- checks of a domain
      SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, oid FROM pg_catalog.pg_constraint
      WHERE used.class = 'pg_catalog.pg_type'::pg_catalog.regclass AND contypid = used.object
      UNION ALL
      SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, amproc FROM pg_catalog.pg_amproc
      WHERE used.class = 'pg_catalog.pg_opfamily'::pg_catalog.regclass AND amprocfamily = used.object
      UNION ALL
      SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass, amopopr FROM pg_catalog.pg_amop
      WHERE used.class = 'pg_catalog.pg_opfamily'::pg_catalog.regclass AND amopfamily = used.object
    ) AS next
  ), code (class, object, owner) AS (
    SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid, oid, proowner FROM pg_catalog.pg_proc
    UNION ALL
    -- its owner can give a domain a check, and a composite type a domain
    SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, oid, typowner FROM pg_catalog.pg_type WHERE typtype IN ('c', 'd')
  ), foreign_code (phrase, owner) AS (
    SELECT pg_catalog.format(
      '%s uses %s of %I', pg_catalog.pg_describe_object(part_class, part, 0),
      pg_catalog.pg_describe_object(class, object, 0), pg_catalog.pg_get_userbyid(owner)
    ), owner
    FROM used JOIN code USING (class, object)
    UNION
    -- the owner of a table can create indexes on what is below it
    SELECT pg_catalog.format('user_logins is below %s of %I',
      pg_catalog.pg_describe_object('pg_catalog.pg_class'::pg_catalog.regclass, oid, 0),
      pg_catalog.pg_get_userbyid(relowner)
    ), relowner
    FROM pg_catalog.pg_class
    WHERE oid IN (SELECT relation FROM ancestor EXCEPT SELECT relation FROM family)
  )
  SELECT pg_catalog.string_agg(phrase, '; ' ORDER BY phrase) INTO found_names FROM foreign_code
  WHERE NOT pg_catalog.pg_has_role(owner, 'vault_migrator', 'USAGE, SET, MEMBER WITH ADMIN OPTION');
  IF found_names IS NOT NULL AND is_handed_over THEN
    RAISE EXCEPTION 'user_logins cannot be handed over, as code of other roles would run as vault_migrator: %', found_names
      USING HINT = 'Drop what uses it, or replace it by functions and types of Postgres. Or give it to an administrator '
        'with ALTER … OWNER TO, and read it then; but no function that is SECURITY DEFINER.';
  ELSIF found_names IS NOT NULL THEN
    RAISE WARNING 'code of other roles can run as vault_migrator: %', found_names;
  END IF;

  -- Whoever may create a trigger on it runs code with the rights of each role that writes to it. An earlier release of
  -- this file gave that right to the former owner.
  FOR logins_table, grantee_name IN
    WITH RECURSIVE family (relation) AS (
      SELECT pg_class.oid
      FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
      WHERE nspname = 'public' AND relname = 'user_logins' AND relkind IN ('r', 'p')
      UNION
      SELECT inhrelid FROM pg_catalog.pg_inherits JOIN family ON inhparent = relation
    )
    SELECT DISTINCT pg_catalog.format('%I.%I', nspname, relname),
      CASE WHEN entry.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.format('%I', pg_catalog.pg_get_userbyid(entry.grantee)) END
    FROM family
    JOIN pg_catalog.pg_class ON pg_class.oid = relation
    JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
    CROSS JOIN LATERAL pg_catalog.aclexplode(relacl) AS entry
    WHERE relowner = 'vault_migrator'::pg_catalog.regrole AND entry.grantor = relowner
      AND entry.grantee <> relowner AND entry.privilege_type = 'TRIGGER'
  LOOP
    BEGIN
      IF NOT is_superuser THEN
        EXECUTE pg_catalog.format('GRANT vault_migrator TO %I WITH INHERIT FALSE, SET TRUE', current_user);
      END IF;
      former_role := pg_catalog.current_setting('role');
      SET LOCAL ROLE vault_migrator;
      EXECUTE pg_catalog.format('REVOKE TRIGGER ON %s FROM %s CASCADE', logins_table, grantee_name);
      PERFORM pg_catalog.set_config('role', former_role, true);
      RAISE NOTICE '% may no longer create triggers on %', grantee_name, logins_table;
    EXCEPTION WHEN insufficient_privilege THEN
      RAISE WARNING '% may still create triggers on %: vault_migrator has to revoke TRIGGER', grantee_name, logins_table;
    END;
  END LOOP;
END
$$;
