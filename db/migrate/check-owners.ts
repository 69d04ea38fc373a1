import { getTableName, is, sql } from 'drizzle-orm';
import { PgTable } from 'drizzle-orm/pg-core';

import { type Connection, run, statement } from '../query.ts';
import * as schema from '../schema.ts';
import { functionNames } from './apply-migrations.ts';

const p = sql.placeholder;

/** The names of all tables that the vault makes. */
export const tableNames = Object.values(schema)
  .filter((value) => is(value, PgTable))
  .map((table) => getTableName(table));

const foreignStatement = statement<{ name: string; owner: string }>(
  'foreign_owners',
  sql`
  select 'vault.' || relname as name, pg_get_userbyid(relowner) as owner from pg_class
  where relnamespace = to_regnamespace('vault') and relname = any (${p('tables')}::text[])
    and not pg_has_role(relowner, 'usage')
  union all
  select 'vault.' || proname, pg_get_userbyid(proowner) from pg_proc
  where pronamespace = to_regnamespace('vault') and proname = any (${p('functions')}::text[])
    and not pg_has_role(proowner, 'usage')
  order by name
`,
);

/**
 * Tables and functions that have the name of one of the vault's and belong to somebody else, so that
 * they cannot be changed, a phrase each. Throws `DatabaseError`.
 */
export async function findOwnerFaults(connection: Connection): Promise<string[]> {
  const rows = await run(connection, foreignStatement, {
    tables: tableNames,
    functions: await functionNames(),
  });
  return rows.map(
    ({ name, owner }) =>
      `${name} belongs to ${owner}, not to vault_migrator: see what it does, then let an administrator drop it or give it back`,
  );
}
