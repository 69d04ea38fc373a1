import { sql } from 'drizzle-orm';

import { type Connection, run, statement } from '../query.ts';
import { roles } from '../roles.ts';
import { functionNames } from './apply-migrations.ts';
import { tableNames } from './check-owners.ts';

const p = sql.placeholder;

const findStatement = statement<{ finding: string }>(
  'find_backdoors',
  sql`
  with ours as (
    select oid, rolname from pg_roles where rolname = any (${p('roles')}::text[])
  ), owner as (
    select oid from pg_roles where rolname = 'vault_migrator'
  ), vault as (
    select * from pg_namespace where nspname = 'vault'
  ), relation as (
    select pg_class.* from pg_class join vault on vault.oid = relnamespace
    where relkind in ('r', 'p', 'v', 'm', 'f', 'S')
  ), function as (
    select pg_proc.*, pg_proc.oid::regprocedure::text as signature, nspname
    from pg_proc join pg_namespace on pg_namespace.oid = pronamespace
  ), allowed as (
    select granted.grantee, 'schema vault' as object
    from vault cross join aclexplode(coalesce(nspacl, acldefault('n', nspowner))) as granted
    union all
    select granted.grantee, 'vault.' || relname
    from relation
    cross join aclexplode(
      coalesce(relacl, acldefault(case relkind when 'S' then 's'::"char" else 'r'::"char" end, relowner))
    ) as granted
    union all
    select granted.grantee, signature
    from function cross join aclexplode(coalesce(proacl, acldefault('f', proowner))) as granted
    where nspname = 'vault'
  )
  select 'the function ' || signature || ' is not the vault''s' as finding
  from function
  where (nspname = 'vault' and proname <> all (${p('functions')}::text[]))
    or (nspname <> 'vault' and proowner in (select oid from ours))
  union all
  select 'there are several functions vault.' || proname from function
  where nspname = 'vault' group by proname having count(*) > 1
  union all
  select 'vault.' || relname || ' is not the vault''s' from relation
  where relname <> all (${p('tables')}::text[]) and relname not in ('migrations', 'migrations_id_seq')
  union all
  select 'the ' || what || ' ' || name || ' belongs to ' || pg_get_userbyid(owned.owner)
  from (
    select 'schema' as what, nspname::text as name, nspowner as owner from vault
    union all select 'relation', 'vault.' || relname, relowner from relation
    union all select 'function', signature, proowner from function where nspname = 'vault'
    union all
    select 'type', 'vault.' || typname, typowner from pg_type join vault on vault.oid = typnamespace
    where typrelid = 0 and typelem = 0
  ) as owned
  where owned.owner <> (select oid from owner)
  union all
  select distinct coalesce(pg_roles.rolname, 'everybody') || ' has rights on ' || object
  from allowed left join pg_roles on pg_roles.oid = grantee
  where grantee <> all (select oid from ours)
  union all
  select 'the trigger ' || tgname || ' on vault.' || relname || ' is not the vault''s'
  from pg_trigger join relation on relation.oid = tgrelid
  where not tgisinternal and (relname, tgname) not in
    (('reveal_audit', 'chain_audit_row'), ('reveal_audit', 'refuse_audit_change'))
  union all
  select 'the trigger ' || wanted.name || ' on vault.reveal_audit is missing or not always enabled'
  from (values ('chain_audit_row'), ('refuse_audit_change')) as wanted (name)
  where not exists (
    select from pg_trigger join relation on relation.oid = tgrelid
    join pg_proc on pg_proc.oid = tgfoid
    where relname = 'reveal_audit' and tgname = wanted.name and tgenabled = 'A'
      and proname = wanted.name and pronamespace = relnamespace
  )
  union all
  select 'the rule ' || rulename || ' on vault.' || relname || ' is not the vault''s'
  from pg_rewrite join relation on relation.oid = ev_class where relkind in ('r', 'p')
  union all
  select member.rolname || ' is a member of ' || granted.rolname
  from pg_auth_members
  join pg_roles as member on member.oid = pg_auth_members.member
  join pg_roles as granted on granted.oid = roleid
  where (member.oid in (select oid from ours) and member.oid <> (select oid from owner)
      and granted.rolname <> 'rds_iam')
    -- people may log in as analysts and auditors; an administrator who made a role may alter it
    or (granted.oid in (select oid from ours)
      and granted.rolname not in ('vault_analyst', 'vault_auditor')
      and member.oid <> (select oid from owner)
      and not member.rolsuper and not member.rolcreaterole)
  union all
  select rolname || ' has the attribute ' || attribute
  from pg_roles
  cross join lateral (values
    ('superuser', rolsuper), ('createdb', rolcreatedb), ('replication', rolreplication),
    ('bypassrls', rolbypassrls), ('createrole', rolcreaterole and rolname <> 'vault_migrator')
  ) as has (attribute, is_set)
  where oid in (select oid from ours) and is_set
  union all
  select 'settings of vault_migrator: ' || split_part(setting, '=', 1)
  from pg_db_role_setting cross join unnest(setconfig) as setting
  where setrole = (select oid from owner)
  union all
  select rolname || ' may create temporary tables: run db/bootstrap.sql as administrator'
  from ours
  where has_database_privilege(oid, current_database(), 'temporary')
    and oid <> (select datdba from pg_database where datname = current_database())
  union all
  select 'vault_migrator may pass rds_iam on to any role: run db/bootstrap.sql as administrator'
  from pg_roles as iam
  where iam.rolname = 'rds_iam' and pg_has_role('vault_migrator', iam.oid, 'member with admin option')
`,
);

/**
 * A phrase for each object, right or setting that is not the vault's: traces of somebody who had the
 * owner's rights, and what only an administrator can correct. Throws `DatabaseError`.
 */
export async function findBackdoors(connection: Connection): Promise<string[]> {
  const rows = await run(connection, findStatement, {
    roles: [...roles],
    functions: await functionNames(),
    tables: tableNames,
  });
  return rows.map(({ finding }) => finding).toSorted();
}
