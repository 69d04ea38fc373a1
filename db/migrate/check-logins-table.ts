import { getTableColumns, sql } from 'drizzle-orm';

import { piiFields } from '../../lib/pii-fields.ts';
import { tokenLength } from '../../lib/crypto/token.ts';
import { type Connection, run, statement } from '../query.ts';
import { userLogins } from '../schema.ts';

const tableStatement = statement<{
  kind: string;
  owner: string;
  isOurs: boolean;
  isClosed: boolean;
  isWithoutPartition: boolean;
}>(
  'logins_table',
  sql`
  select
    relkind as kind, pg_get_userbyid(relowner) as owner, pg_has_role(relowner, 'usage') as "isOurs",
    relrowsecurity and not exists (
      select from pg_policy, unnest(polroles) as allowed (role)
      where polrelid = logins.oid and polpermissive and polcmd in ('a', '*') and (
        role = 0
        or pg_has_role((select oid from pg_roles where rolname = 'vault_ingest'), role, 'usage')
      )
    ) as "isClosed",
    relkind = 'p' and not exists (
      select from pg_inherits where inhparent = logins.oid
    ) as "isWithoutPartition"
  from pg_class as logins join pg_namespace on pg_namespace.oid = relnamespace
  where nspname = 'public' and relname = 'user_logins'
`,
);

const foreignPartitionsStatement = statement<{ name: string; owner: string }>(
  'foreign_partitions',
  sql`
  with recursive family (relation) as (
    select inhrelid from pg_inherits where inhparent = to_regclass('public.user_logins')
    union
    select inhrelid from pg_inherits join family on inhparent = relation
  )
  select relation::regclass::text as name, pg_get_userbyid(relowner) as owner
  from family join pg_class on oid = relation
  where not pg_has_role(relowner, 'usage')
  order by name
`,
);

/** A phrase for each reason why a migration cannot add a column to `user_logins`. Throws `DatabaseError`. */
export async function findForeignPartitions(connection: Connection): Promise<string[]> {
  const partitions = await run(connection, foreignPartitionsStatement);
  return partitions.map(
    ({ name, owner }) =>
      `${name}, a partition of user_logins, belongs to ${owner}: run db/bootstrap.sql as administrator`,
  );
}

interface Column {
  name: string;
  /** As declared, such as `varchar(16)`. */
  type: string;
  /** The type's own name, or that of the type beneath a domain. */
  base: string;
  isText: boolean;
  /** The length of a text, or precision and scale of a `numeric` in one number; null if there is no limit. */
  modifier: number | null;
  isRequired: boolean;
  hasDefault: boolean;
  isComputed: boolean;
  /** A sequence of its default that `vault_ingest` may not use and cannot be allowed to. */
  closedSequence: string | null;
}

const columnsStatement = statement<{ [Key in keyof Column]: Column[Key] }>(
  'logins_columns',
  sql`
  select
    attname as name, replace(format_type(atttypid, atttypmod), 'character varying', 'varchar') as type,
    coalesce(base.typname, type.typname) as base, type.typcategory = 'S' as "isText",
    nullif(greatest(atttypmod, type.typtypmod), -1) - 4 as modifier,
    attnotnull or type.typnotnull as "isRequired",
    atthasdef or attidentity <> '' or type.typdefault is not null as "hasDefault",
    attgenerated <> '' or attidentity = 'a' as "isComputed",
    (
      select sequence.oid::regclass::text
      from pg_attrdef
      join pg_depend on classid = 'pg_attrdef'::regclass and objid = pg_attrdef.oid
        and refclassid = 'pg_class'::regclass
      join pg_class as sequence on sequence.oid = refobjid and sequence.relkind = 'S'
      where adrelid = attrelid and adnum = attnum and not pg_has_role(relowner, 'usage')
        and not coalesce(
          has_sequence_privilege(
            (select oid from pg_roles where rolname = 'vault_ingest'), sequence.oid, 'usage'
          ),
          has_sequence_privilege('public', sequence.oid, 'usage')
        )
      limit 1
    ) as "closedSequence"
  from pg_attribute
  join pg_type as type on type.oid = atttypid
  left join pg_type as base on base.oid = type.typbasetype
  where attrelid = to_regclass('public.user_logins') and attnum > 0 and not attisdropped
  order by attnum
`,
);

const kindsRefused: Partial<Record<string, string>> = {
  v: 'a view',
  m: 'a materialized view',
  f: 'a foreign table',
  S: 'a sequence',
  c: 'a type',
  i: 'an index',
  I: 'an index',
};

const tokenTypes = new Map<string, string>(
  piiFields.map(({ kind, column }) => [column, `varchar(${tokenLength(kind)})`]),
);
const written = Object.values(getTableColumns(userLogins)).map((column) => ({
  name: column.name,
  // our own table has room for tokens of other schemes
  type: tokenTypes.get(column.name) ?? column.getSQLType(),
}));
const writtenNull = new Set(['locale', ...tokenTypes.keys()]);

/**
 * A phrase for each reason why the vault cannot write to the existing table `user_logins`, apart from its
 * columns; none if there is no such table. Throws `DatabaseError`.
 */
export async function findTableFaults(connection: Connection): Promise<string[]> {
  const [table] = await run(connection, tableStatement);
  if (table === undefined) return [];
  const refused = kindsRefused[table.kind];
  if (refused !== undefined) return [`user_logins is ${refused}, the vault writes to a table`];
  const faults: string[] = [];
  if (!table.isOurs) {
    faults.push(`user_logins belongs to ${table.owner}: run db/bootstrap.sql as administrator`);
  }
  if (table.isClosed) {
    faults.push('user_logins has row-level security, and no policy lets vault_ingest insert');
  }
  if (table.isWithoutPartition) faults.push('user_logins is partitioned and has no partition');
  return faults;
}

/**
 * A phrase for each reason why the vault cannot write to the columns of `user_logins`. A column may have
 * another type than ours if INSERT converts to it and it holds as much: a text as long, a number as
 * large, a timestamp for a day. Columns that are not ours must fill themselves. A missing column is a
 * reason only if `all` must be there. Throws `DatabaseError`.
 */
export async function findColumnFaults(connection: Connection, all = true): Promise<string[]> {
  const columns = new Map<string, Column>();
  for (const column of await run(connection, columnsStatement)) columns.set(column.name, column);
  const faults: string[] = [];
  for (const { name, type } of written) {
    const column = columns.get(name);
    columns.delete(name);
    if (column === undefined && !all) continue;
    faults.push(...faultsOfOurs(name, type, column).map((fault) => `user_logins.${name} ${fault}`));
  }
  for (const column of columns.values()) {
    faults.push(...faultsOfAnother(column).map((fault) => `user_logins.${column.name} ${fault}`));
  }
  return faults;
}

function faultsOfOurs(name: string, type: string, column: Column | undefined): string[] {
  if (column === undefined) return [`is missing, the vault writes ${type}`];
  if (column.isComputed) return [`is generated, the vault writes ${type}`];
  const faults: string[] = [];
  if (!holds(column, type)) {
    const upTo = type.startsWith('varchar') ? 'up to ' : '';
    faults.push(`is ${column.type}, the vault writes ${upTo}${type}`);
  }
  if (column.isRequired && writtenNull.has(name)) {
    faults.push('is not null, the vault writes null if a login has no value');
  }
  return faults;
}

function faultsOfAnother({ isRequired, hasDefault, closedSequence }: Column): string[] {
  if (isRequired && !hasDefault) return ['is not null and has no default, the vault leaves it out'];
  if (closedSequence === null) return [];
  return [`takes its default from ${closedSequence}, which vault_ingest may not use`];
}

/** Whether this column can hold every value of our type. */
function holds({ base, isText, modifier }: Column, ours: string): boolean {
  const [, length] = /^varchar\((\d+)\)$/.exec(ours) ?? [];
  // INSERT cuts off a value of type `name` without an error
  if (length !== undefined)
    return isText && base !== 'name' && (modifier === null || modifier >= Number(length));
  if (ours === 'date') return ['date', 'timestamp', 'timestamptz'].includes(base);
  if (base === 'numeric') return modifier === null || wholeDigits(modifier) >= 10;
  return ['int4', 'int8', 'float8'].includes(base);
}

/** How many digits a `numeric` keeps before the point; 0 if it rounds there. */
function wholeDigits(modifier: number): number {
  // eleven bits with a sign
  const scale = ((modifier & 2047) ^ 1024) - 1024;
  return scale < 0 ? 0 : (modifier >> 16) - scale;
}
