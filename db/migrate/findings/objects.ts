import { sql } from 'drizzle-orm';

import { statement } from '../../query.ts';
import { common, type FindingsStatement } from './common.ts';

/** What lies in the schema `vault`, and who owns it; and functions elsewhere that run as one of our roles. */
export const schemaStatement: FindingsStatement = statement(
  'find_foreign_objects_in_the_schema',
  sql`
  ${common}
  select 'the function ' || signature || ' is not the vault''s' as finding from function
  where (nspname = 'vault' and not is_ours)
    or (nspname <> 'vault' and proowner in (select oid from ours))
  union all
  select 'there are several functions vault.' || proname from function
  where nspname = 'vault' group by proname having count(*) > 1
  union all
  select 'vault.' || relname || ' is not the vault''s' from relation
  where not is_ours and relname <> 'migrations_id_seq'
  union all
  select 'the type vault.' || typname || ' is not the vault''s'
  from pg_type join vault on vault.oid = typnamespace
  where typrelid = 0 and typelem = 0
    and typname not in ('audit_action', 'pii_kind', 'principal_source')
  union all
  select 'the ' || pg_describe_object(classid, objid, 0) || ' is not the vault''s'
  from pg_depend join vault on refclassid = 'pg_namespace'::regclass and refobjid = vault.oid
  where classid not in (
    'pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass, 'pg_default_acl'::regclass
  )
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
`,
);

/** What our roles own elsewhere in this database; the family of `user_logins` and `ip_networks` is left out. */
export const ownedElsewhereStatement: FindingsStatement = statement(
  'find_objects_owned_elsewhere',
  sql`
  ${common}, family (relation) as (
    select oid from pg_class
    where oid in (to_regclass('public.user_logins'), to_regclass('public.ip_networks'))
    union
    select inhrelid from pg_inherits join family on inhparent = relation
  )
  select pg_describe_object(classid, objid, 0) || ' belongs to ' || rolname as finding
  from pg_shdepend join ours on refclassid = 'pg_authid'::regclass and refobjid = ours.oid
  where deptype = 'o'
    and dbid = (select oid from pg_database where datname = current_database())
    -- functions, and what lies in the schema, have a statement of their own
    and classid <> 'pg_proc'::regclass
    and (pg_identify_object(classid, objid, 0)).schema is distinct from 'vault'
    and not (classid = 'pg_namespace'::regclass and objid in (select oid from vault))
    and not (classid = 'pg_class'::regclass and objid in (select relation from family))
    -- sequences of its columns
    and not exists (
      select from pg_sequence join pg_depend as link on link.objid = seqrelid
      where pg_shdepend.classid = 'pg_class'::regclass and seqrelid = pg_shdepend.objid
        and link.classid = 'pg_class'::regclass and link.deptype in ('a', 'i')
        and refclassid = 'pg_class'::regclass and refobjid in (select relation from family)
    )
`,
);

/** What lies elsewhere and uses a table, function or type of the vault, such as a view; and publications. */
export const dependentsStatement: FindingsStatement = statement(
  'find_dependents_of_the_vault',
  sql`
  ${common}, used as (
    select 'pg_class'::regclass::oid as class, oid from relation
    union all select 'pg_proc'::regclass, oid from function where nspname = 'vault'
    union all
    select 'pg_type'::regclass, pg_type.oid from pg_type join vault on vault.oid = typnamespace
  )
  select distinct
    -- a view uses a table by its rule
    coalesce(pg_describe_object('pg_class'::regclass, ev_class, 0), pg_describe_object(classid, objid, 0))
    || ' uses ' || pg_describe_object(refclassid, refobjid, 0) as finding
  from pg_depend join used on refclassid = class and refobjid = used.oid
  left join pg_rewrite on classid = 'pg_rewrite'::regclass and objid = pg_rewrite.oid
  cross join pg_identify_object_as_address(classid, objid, 0) as address
  where deptype in ('n', 'a') and address.object_names[1] is distinct from 'vault'
    and not exists (
      select from pg_type join vault on vault.oid = typnamespace
      where classid = 'pg_type'::regclass and pg_type.oid = objid
    )
  union all
  select distinct 'the publication ' || pubname || ' sends vault.' || tablename || ' elsewhere'
  from pg_publication_tables where schemaname = 'vault'
`,
);
