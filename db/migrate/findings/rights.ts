import { sql } from 'drizzle-orm';

import { statement } from '../../query.ts';
import { common, type FindingsStatement } from './common.ts';

/** Who has a right on the schema, a table, a column or a function of the vault, and is not one of its roles. */
export const rightsStatement: FindingsStatement = statement(
  'find_foreign_rights',
  sql`
  ${common}, allowed as (
    select granted.grantee, 'schema vault' as object
    from vault cross join aclexplode(coalesce(nspacl, acldefault('n', nspowner))) as granted
    union all
    select granted.grantee, 'vault.' || relname
    from relation
    cross join aclexplode(
      coalesce(relacl, acldefault(case relkind when 'S' then 's'::"char" else 'r'::"char" end, relowner))
    ) as granted
    union all
    select granted.grantee, 'vault.' || relname || '.' || attname
    from relation join pg_attribute on attrelid = relation.oid cross join aclexplode(attacl) as granted
    union all
    select granted.grantee, signature
    from function cross join aclexplode(coalesce(proacl, acldefault('f', proowner))) as granted
    where nspname = 'vault'
    union all
    select granted.grantee, 'ip_networks'
    from pg_class cross join aclexplode(coalesce(relacl, acldefault('r', relowner))) as granted
    where pg_class.oid = to_regclass('public.ip_networks')
    union all
    select granted.grantee, 'ip_networks.' || attname
    from pg_attribute cross join aclexplode(attacl) as granted
    where attrelid = to_regclass('public.ip_networks')
  )
  select distinct coalesce(pg_roles.rolname, 'everybody') || ' has rights on ' || object as finding
  from allowed left join pg_roles on pg_roles.oid = grantee
  where grantee <> all (select oid from ours)
`,
);

/** Memberships, attributes and settings of the vault's roles that the vault does not give. */
export const rolesStatement: FindingsStatement = statement(
  'find_changed_roles',
  sql`
  ${common}, administrator as (
    -- vault_migrator cannot give this to anybody: Postgres makes it for who created vault_migrator
    select member as oid from pg_auth_members
    where roleid = (select oid from owner) and admin_option
    union select oid from pg_roles where rolsuper
  )
  select distinct member.rolname || ' is a member of ' || granted.rolname
    || case when admin_option and member.oid not in (select oid from owner) then ', and may pass it on' else '' end
    as finding
  from pg_auth_members
  join pg_roles as member on member.oid = pg_auth_members.member
  join pg_roles as granted on granted.oid = roleid
  where
    -- vault_migrator becomes a member of each role that it creates
    (member.oid in (select oid from ours) and granted.rolname <> 'rds_iam'
      and not (member.oid in (select oid from owner) and granted.oid in (select oid from ours)))
    -- people may be analysts and auditors
    or (granted.oid in (select oid from ours)
      and (admin_option or granted.rolname not in ('vault_analyst', 'vault_auditor'))
      and member.oid not in (select oid from owner)
      and member.oid not in (select oid from administrator))
  union all
  select rolname || ' has the attribute ' || attribute
  from pg_roles
  cross join lateral (values
    ('superuser', rolsuper), ('createdb', rolcreatedb), ('replication', rolreplication),
    ('bypassrls', rolbypassrls), ('createrole', rolcreaterole and rolname <> 'vault_migrator'),
    ('nologin', not rolcanlogin and rolname not in ('vault_analyst', 'vault_auditor')),
    ('valid until', rolvaliduntil < 'infinity')
  ) as has (attribute, is_set)
  where oid in (select oid from ours) and is_set
  union all
  select 'settings of vault_migrator: ' || split_part(setting, '=', 1)
  from pg_db_role_setting cross join unnest(setconfig) as setting
  where setrole = (select oid from owner)
`,
);

/** What only an administrator of the server can correct. */
export const serverStatement: FindingsStatement = statement(
  'find_open_server',
  sql`
  ${common}
  select rolname || ' may create temporary tables: run db/bootstrap.sql as administrator' as finding
  from ours
  where has_database_privilege(oid, current_database(), 'temporary')
    and oid <> (select datdba from pg_database where datname = current_database())
  union all
  select 'vault_migrator may pass rds_iam on to any role: run db/bootstrap.sql as administrator'
  from pg_roles as iam
  where iam.rolname = 'rds_iam' and pg_has_role('vault_migrator', iam.oid, 'member with admin option')
  union all
  select 'max_prepared_transactions is ' || current_setting('max_prepared_transactions')
    || ': a prepared transaction can keep the lock of the audit for ever, set it to 0'
  where current_setting('max_prepared_transactions')::integer > 0
`,
);
