import { sql } from 'drizzle-orm';

import { tokenLength } from '../../lib/crypto/token.ts';
import { piiFields } from '../../lib/pii-fields.ts';
import { foreignCode } from '../foreign-code.ts';
import { type Connection, run, statement } from '../query.ts';
import { tokenColumns } from './rotation.ts';

const p = sql.placeholder;

// user_logins with its partitions and inheritance children
const family = sql`
  ${foreignCode}, family as (
    select oid, relname, relkind, relowner, reltuples, relreplident, relhasrules, relforcerowsecurity
    from pg_class where oid in (select relation from logins_family)
  ), token_columns as (
    select family.oid as relation, attnum, attname, atttypid, atttypmod, attcollation, attgenerated
    from family join pg_attribute on attrelid = family.oid
    where attname = any (${p('columns')}::text[]) and attnum > 0
  )
`;

// Each is what the swap's UPDATE would meet. The catalogs may be read by any role.
const obstaclesStatement = statement<{ obstacle: string }>(
  'rotation_obstacles',
  sql`
  with recursive ${family}, token_domain (relation, attname, type) as (
    select relation, attname, atttypid from token_columns
    union
    select relation, attname, typbasetype from token_domain join pg_type on pg_type.oid = type where typtype = 'd'
  )
  select format('%s belongs to %s, not to vault_migrator: run db/bootstrap.sql as administrator',
    oid::regclass, pg_get_userbyid(relowner)) as obstacle
  from family where relowner <> (select oid from pg_roles where rolname = 'vault_migrator')
    and not (
      has_table_privilege('vault_migrator', oid, 'update')
      -- whoever else owns it can have the swap run code of theirs
      and pg_has_role(relowner, 'vault_migrator', 'usage, set, member with admin option')
    )
  union all
  select phrase from foreign_code
  union all
  select format('%s has forced row-level security, which could hide rows from the swap: ALTER TABLE … NO FORCE ROW LEVEL SECURITY',
    oid::regclass) from family where relforcerowsecurity
  union all
  select format('the trigger %s on %s would run for every row: disable it for the swap', tgname, tgrelid::regclass)
  from pg_trigger where tgrelid in (select oid from family)
    and not tgisinternal and tgenabled <> 'D' and tgtype & 16 <> 0
    -- one that is for other columns only does not run
    and (tgattr = ''::int2vector or exists (
      select from token_columns where relation = tgrelid and attnum = any (tgattr::int2[])
    ))
  union all
  select format('the rule %s on %s would change the update', rulename, ev_class::regclass)
  from pg_rewrite where ev_class in (select oid from family) and ev_type = '2' and ev_enabled <> 'D'
  union all
  select format('the unique index %s on %s includes a column of tokens: drop it, and create it again after the swap',
    indexrelid::regclass, indrelid::regclass)
  from pg_index where indrelid in (select oid from family) and (indisunique or indisexclusion)
    and (
      indkey::int2[] && array(select attnum from token_columns where relation = indrelid) or indexprs is not null
      -- a column in the predicate
      or exists (
        select from pg_depend join token_columns on relation = refobjid and attnum = refobjsubid
        where classid = 'pg_class'::regclass and objid = indexrelid and refclassid = 'pg_class'::regclass
          and refobjid = indrelid
      )
    )
  union all
  select format('the constraint %s of %s is about a column of tokens, and new tokens may break it', conname, conrelid::regclass)
  from pg_constraint where conrelid in (select oid from family) and contype in ('c', 'f')
    and conkey && array(select attnum from token_columns where relation = conrelid)
    and not (contype = 'c' and pg_get_constraintdef(oid) ~ '^CHECK \\(\\(\\w+ IS NOT NULL\\)\\)')
  union all
  select format('%s is partitioned by a column of tokens: rows would move', partrelid::regclass)
  from pg_partitioned_table where partrelid in (select oid from family)
    and exists (
      -- Postgres keeps each column of the key, and of its expressions, from being dropped
      select from pg_depend join token_columns on relation = objid and attnum = objsubid
      where classid = 'pg_class'::regclass and objid = partrelid and refclassid = 'pg_class'::regclass
        and refobjid = partrelid and refobjsubid = 0 and deptype = 'i'
    )
  union all
  select format('the column %s of %s is generated', attname, relation::regclass) from token_columns
  where attgenerated <> ''
  union all
  select format('the column %s of %s is generated from a column of tokens', target.attname, target.attrelid::regclass)
  from pg_attribute as target
  join pg_attrdef on adrelid = target.attrelid and adnum = target.attnum
  join pg_depend on classid = 'pg_attrdef'::regclass and objid = pg_attrdef.oid and refclassid = 'pg_class'::regclass
  join token_columns on relation = refobjid and token_columns.attnum = refobjsubid
  where target.attgenerated <> '' and target.attnum <> token_columns.attnum
  union all
  select format('the column %s of %s has the type %s with a check, which new tokens may break',
    attname, relation::regclass, type::regtype)
  from token_domain join pg_constraint on contypid = type and contype = 'c'
  union all
  select format('the column %s of %s has the collation %s, with which Postgres cannot search tokens by their form',
    attname, relation::regclass, attcollation::regcollation)
  from token_columns join pg_collation on pg_collation.oid = attcollation where not collisdeterministic
  union all
  select format('the column %s of %s has room for %s characters, and the new tokens have %s',
    attname, relation::regclass, room, wanted.length)
  from (
    select attname, relation, atttypmod - 4 as room from token_columns where atttypmod > 0
    union all
    select attname, relation, typtypmod - 4
    from token_domain join pg_type on pg_type.oid = type where typtype = 'd' and typtypmod > 0
  ) as limited
  join unnest(${p('columns')}::text[], ${p('lengths')}::integer[]) as wanted (name, length) on wanted.name = attname
  where room < wanted.length
  union all
  select format('the publication %s sends updates of %s, which has no replica identity: set one', pubname, family.oid::regclass)
  from family join pg_publication on pubupdate
  where relkind = 'r'
    and (
      puballtables
      or exists (select from pg_publication_rel where prpubid = pg_publication.oid and prrelid in (select oid from family))
      or exists (
        select from pg_publication_namespace join pg_class on relnamespace = pnnspid
        where pnpubid = pg_publication.oid and pg_class.oid in (select oid from family)
      )
    )
    and (relreplident = 'n' or (relreplident = 'd' and not exists (
      select from pg_index where indrelid = family.oid and indisprimary
    )))
  order by obstacle
`,
);

/**
 * A phrase for each reason why the tokens of user_logins cannot be replaced by those of this generation.
 * Throws `DatabaseError`.
 */
export async function findRotationObstacles(
  connection: Connection,
  generation: number,
): Promise<string[]> {
  const rows = await run(connection, obstaclesStatement, {
    columns: tokenColumns,
    lengths: piiFields.map(({ kind }) => tokenLength(kind, generation)),
  });
  return [...new Set(rows.map(({ obstacle }) => obstacle))];
}

/**
 * How much there is to replace, by the planner's statistics, and what depends on it. Sizes are in bytes, and tell how
 * many rows a table has about that was never analysed.
 */
export interface RotationSize {
  logins: number;
  loginBytes: number;
  values: number;
  valueBytes: number;
  isAnalysed: boolean;
  indexes: number;
  /** Materialized views that hold former tokens until they are refreshed. */
  materialized: string[];
}

const sizeStatement = statement<{
  logins: string;
  login_bytes: string;
  values: string;
  value_bytes: string;
  is_analysed: boolean;
  indexes: string;
  materialized: string[];
}>(
  'rotation_size',
  sql`
  with recursive ${family}, counted as (
    select oid, reltuples >= 0 or pg_relation_size(oid) = 0 as is_analysed,
      case when reltuples >= 0 then reltuples else pg_relation_size(oid) / 128 end as rows
    from pg_class where oid = 'vault.pii_vault'::regclass
      or relkind = 'r' and oid in (select oid from family)
  )
  select
    (select coalesce(sum(rows), 0)::bigint from counted where oid <> 'vault.pii_vault'::regclass) as logins,
    (select coalesce(sum(pg_total_relation_size(oid)), 0)::bigint from family where relkind = 'r') as login_bytes,
    (select rows::bigint from counted where oid = 'vault.pii_vault'::regclass) as values,
    (select bool_and(is_analysed) from counted) as is_analysed,
    pg_total_relation_size('vault.pii_vault'::regclass) as value_bytes,
    (select count(*) from pg_index where indrelid in (select oid from family)) as indexes,
    array(
      select distinct ev_class::regclass::text
      from pg_depend
      join pg_rewrite on pg_rewrite.oid = objid and classid = 'pg_rewrite'::regclass
      join pg_class on pg_class.oid = ev_class and pg_class.relkind = 'm'
      where refclassid = 'pg_class'::regclass and refobjid in (select oid from family)
    ) as materialized
`,
);

/** Throws `DatabaseError`. */
export async function rotationSize(connection: Connection): Promise<RotationSize> {
  const [row] = await run(connection, sizeStatement, { columns: tokenColumns });
  return {
    logins: Number(row!.logins),
    loginBytes: Number(row!.login_bytes),
    values: Number(row!.values),
    valueBytes: Number(row!.value_bytes),
    isAnalysed: row!.is_analysed,
    indexes: Number(row!.indexes),
    materialized: row!.materialized,
  };
}
