import { sql } from 'drizzle-orm';

// Superusers, vault_migrator, and who can become it: they need no detour. Whoever else owns a function can replace it.
const isForeign = (owner: string) =>
  sql.raw(
    `not pg_has_role(${owner}, 'vault_migrator', 'usage, set, member with admin option') as is_foreign`,
  );

/**
 * Common table expressions for `with recursive`. `foreign_code (phrase)` names what of `user_logins`, its partitions and
 * inheritance children would have Postgres run the code of another role as their owner: ANALYZE, which autovacuum starts
 * too, and each UPDATE evaluate indexes, checks, generated columns and statistics. `logins_family (relation)` has these
 * tables. db/bootstrap.sql has a copy, since it runs on its own.
 */
export const foreignCode = sql`
  logins_family (relation) as (
    select to_regclass('public.user_logins')::oid
    union
    select inhrelid from pg_inherits join logins_family on inhparent = relation
  ), logins_ancestor (relation) as (
    select inhparent from pg_inherits join logins_family on inhrelid = relation
    union
    select inhparent from pg_inherits join logins_ancestor on inhrelid = relation
  ), logins_part (class, object) as (
    -- types of columns, and keys of partitions
    select 'pg_class'::regclass::oid, relation from logins_family
    union all
    select 'pg_class'::regclass, indexrelid from pg_index where indrelid in (select relation from logins_family)
    union all
    select 'pg_attrdef'::regclass, oid from pg_attrdef where adrelid in (select relation from logins_family)
    union all
    select 'pg_constraint'::regclass, oid from pg_constraint where conrelid in (select relation from logins_family)
    union all
    select 'pg_statistic_ext'::regclass, oid from pg_statistic_ext where stxrelid in (select relation from logins_family)
    union all
    -- without force, the owner has no policy
    select 'pg_policy'::regclass, pg_policy.oid from pg_policy join pg_class on pg_class.oid = polrelid
    where polrelid in (select relation from logins_family) and relforcerowsecurity
    union all
    -- a trigger for INSERT runs as whoever inserts, unless a foreign key has the owner move rows between partitions
    select 'pg_trigger'::regclass, oid from pg_trigger
    where tgrelid in (select relation from logins_family) and tgenabled <> 'D' and (tgtype & 56 <> 0 or exists (
      select from pg_constraint where conrelid in (select relation from logins_family)
        and contype = 'f' and not (confupdtype in ('a', 'r') and confdeltype in ('a', 'r'))
    ))
  ), logins_use (class, object, part_class, part) as (
    select class, object, class, object from logins_part
    union
    select next.class, next.object, part_class, part
    from logins_use as use cross join lateral (
      select refclassid as class, refobjid as object from pg_depend
      where classid = use.class and objid = use.object and refclassid in (
        'pg_proc'::regclass, 'pg_type'::regclass, 'pg_operator'::regclass, 'pg_opclass'::regclass, 'pg_opfamily'::regclass
      )
      union all
      -- columns of a composite type
      select 'pg_class'::regclass, typrelid from pg_type
      where use.class = 'pg_type'::regclass and pg_type.oid = use.object and typrelid <> 0
      union all
      -- checks of a domain
      select 'pg_constraint'::regclass, oid from pg_constraint
      where use.class = 'pg_type'::regclass and contypid = use.object
      union all
      select 'pg_proc'::regclass, amproc from pg_amproc
      where use.class = 'pg_opfamily'::regclass and amprocfamily = use.object
      union all
      select 'pg_operator'::regclass, amopopr from pg_amop
      where use.class = 'pg_opfamily'::regclass and amopfamily = use.object
    ) as next
  ), owned_code (class, object, owner, is_foreign) as (
    select 'pg_proc'::regclass::oid, oid, proowner, ${isForeign('proowner')} from pg_proc
    union all
    -- its owner can give a domain a check, and a composite type a domain
    select 'pg_type'::regclass, oid, typowner, ${isForeign('typowner')} from pg_type where typtype in ('c', 'd')
  ), foreign_code (phrase) as (
    select pg_describe_object(part_class, part, 0) || ' uses ' || pg_describe_object(class, object, 0) || ' of '
      || pg_get_userbyid(owner) || ', which can run as vault_migrator'
    from logins_use join owned_code using (class, object)
    where is_foreign
    union
    -- the owner of a table can create indexes on what is below it
    select pg_describe_object('pg_class'::regclass, oid, 0) || ' is above user_logins and belongs to '
      || pg_get_userbyid(relowner) || ', whose code can run as vault_migrator'
    from (
      select pg_class.oid, relowner, ${isForeign('relowner')} from pg_class
      where oid in (select relation from logins_ancestor except select relation from logins_family)
    ) as ancestor
    where is_foreign
  )
`;
