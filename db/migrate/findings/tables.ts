import { sql } from 'drizzle-orm';

import { type Connection, run, statement } from '../../query.ts';
import { foreignCode } from '../../foreign-code.ts';
import { tableNames } from '../check-owners.ts';
import { definitions } from './definitions.ts';
import { common, type FindingsStatement } from './common.ts';

// name, table and function; each is always enabled, also for rows that replication applies
const triggers = sql`(
  values
    ('chain_audit_row', 'reveal_audit', 'chain_audit_row'),
    ('refuse_audit_change', 'reveal_audit', 'refuse_audit_change'),
    ('keep_data_key', 'data_keys', 'keep_data_key'),
    ('keep_data_keys', 'data_keys', 'keep_data_key'),
    ('refuse_suppressed', 'pii_vault', 'refuse_suppressed')
) as wanted (name, table_name, function_name)`;

/** Kind, persistence, row-level security, inheritance, triggers and rules of the vault's tables. */
export const tablesStatement: FindingsStatement = statement(
  'find_changed_tables',
  sql`
  ${common}
  select 'vault.' || relname || ' is not an ordinary table' as finding from relation
  where is_ours and relkind <> 'r'
  union all
  select 'vault.' || relname || ' is unlogged: a crash empties it' from relation
  where relpersistence <> 'p'
  union all
  select 'vault.' || relname || ' has row-level security' from relation
  where relrowsecurity or relforcerowsecurity
  union all
  select 'the policy ' || polname || ' on vault.' || relname || ' is not the vault''s'
  from pg_policy join relation on relation.oid = polrelid
  union all
  select inhrelid::regclass || ' inherits from ' || inhparent::regclass from pg_inherits
  where inhrelid in (select oid from relation) or inhparent in (select oid from relation)
  union all
  select 'the trigger ' || tgname || ' on vault.' || relname || ' is not the vault''s'
  from pg_trigger join relation on relation.oid = tgrelid
  where not tgisinternal and (relname, tgname) not in (select table_name, name from ${triggers})
  union all
  select 'the trigger ' || name || ' on vault.' || table_name || ' is missing or not always enabled'
  from ${triggers}
  where not exists (
    select from pg_trigger join relation on relation.oid = tgrelid
    join pg_proc on pg_proc.oid = tgfoid
    where relname = table_name and tgname = name and tgenabled = 'A'
      and proname = function_name and pronamespace = relnamespace
  )
  union all
  select 'the rule ' || rulename || ' on vault.' || relname || ' is not the vault''s'
  from pg_rewrite join relation on relation.oid = ev_class where relkind in ('r', 'p')
`,
);

/**
 * What on `user_logins` and `ip_networks` acts with the owner's rights. Triggers for INSERT run as whoever inserts: a
 * team's own on `user_logins` are left out. From `ip_networks` the owner's functions delete.
 */
export const loginsStatement: FindingsStatement = statement(
  'find_changed_logins_table',
  sql`
  ${common}, ${foreignCode}
  select phrase as finding from foreign_code
  union all
  select 'the rule ' || rulename || ' on ' || relname || ' acts with the rights of '
    || pg_get_userbyid(relowner)
  from pg_rewrite join pg_class on pg_class.oid = ev_class
  where ev_class in (select relation from logins_family)
  union all
  select 'the trigger ' || tgname || ' on ' || relname || ' calls ' || signature || ' of '
    || pg_get_userbyid(proowner)
  from pg_trigger join function on function.oid = tgfoid join pg_class on pg_class.oid = tgrelid
  where tgrelid in (select relation from logins_family) and not tgisinternal
    and (proowner in (select oid from ours) or nspname = 'vault')
  union all
  select 'the rule ' || rulename || ' on ip_networks is not the vault''s' from pg_rewrite
  where ev_class = to_regclass('public.ip_networks')
  union all
  select 'the trigger ' || tgname || ' on ip_networks is not the vault''s' from pg_trigger
  where tgrelid = to_regclass('public.ip_networks') and not tgisinternal
  union all
  select 'ip_networks is unlogged: a crash empties it' from pg_class
  where oid = to_regclass('public.ip_networks') and relpersistence <> 'p'
  union all
  -- with a policy, the owner's functions would leave the networks of erased addresses
  select 'ip_networks has row-level security' from pg_class
  where oid = to_regclass('public.ip_networks') and (relrowsecurity or relforcerowsecurity)
  union all
  select 'the policy ' || polname || ' on ip_networks is not the vault''s' from pg_policy
  where polrelid = to_regclass('public.ip_networks')
  union all
  select inhrelid::regclass || ' inherits from ' || inhparent::regclass from pg_inherits
  where to_regclass('public.ip_networks') in (inhrelid, inhparent)
`,
);

const definitionsStatement = statement<{ definition: string }>(
  'table_definitions',
  sql`
  with our_table as (
    select pg_class.oid, relname from pg_class
    where relkind in ('r', 'p') and (
      relnamespace = to_regnamespace('vault') and relname = any (${sql.placeholder('tables')}::text[])
      or pg_class.oid = to_regclass('public.ip_networks')
    )
  )
  select concat_ws(
    ' ', 'column', relname || '.' || attname, format_type(atttypid, atttypmod),
    case when attcollation <> typcollation then 'collate ' || attcollation::regcollation end,
    case when attnotnull then 'not null' end,
    case when attidentity <> '' or attgenerated <> '' then 'generated' end,
    'default ' || pg_get_expr(adbin, adrelid)
  ) as definition
  from our_table join pg_attribute on attrelid = our_table.oid and attnum > 0 and not attisdropped
  join pg_type on pg_type.oid = atttypid
  left join pg_attrdef on adrelid = attrelid and adnum = attnum
  union all
  select concat_ws(
    ' ', 'constraint', relname || '.' || conname,
    -- an administrator may have validated it
    regexp_replace(pg_get_constraintdef(pg_constraint.oid), ' NOT VALID$', '')
  )
  -- Postgres 18 has constraints for not null, too
  from our_table join pg_constraint on conrelid = our_table.oid and contype <> 'n'
  union all
  select pg_get_indexdef(indexrelid)
  from our_table join pg_index on indrelid = our_table.oid
  -- analysts may need others on ip_networks
  where our_table.oid <> to_regclass('public.ip_networks') and not exists (
    select from pg_constraint where conindid = indexrelid and contype in ('p', 'u', 'x')
  )
  union all
  select pg_get_triggerdef(pg_trigger.oid)
  from our_table join pg_trigger on tgrelid = our_table.oid
  where tgname in (select name from ${triggers})
`,
);

/** A phrase for each column, default, constraint, index or trigger that is not as this release makes it. Throws `DatabaseError`. */
export async function findChangedDefinitions(connection: Connection): Promise<string[]> {
  const rows = await run(connection, definitionsStatement, {
    tables: [...tableNames, 'migrations'],
  });
  const found = new Set(rows.map(({ definition }) => definition));
  const wanted = new Set(definitions);
  return [
    ...[...found].filter((one) => !wanted.has(one)).map((one) => `not the vault's: ${one}`),
    ...definitions.filter((one) => !found.has(one)).map((one) => `missing: ${one}`),
  ];
}
