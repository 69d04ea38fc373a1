import { sql } from 'drizzle-orm';

import { type Connection, run, statement } from './query.ts';

const tableStatement = statement<{ exists: boolean }>(
  'has_migrations',
  sql`select to_regclass('vault.migrations') is not null as exists`,
);

const countStatement = statement<{ count: number }>(
  'count_migrations',
  sql`select count(*)::integer as count from vault.migrations`,
);

/** How many migrations were applied to the database. Throws `DatabaseError`. */
export async function countMigrations(connection: Connection): Promise<number> {
  const [table] = await run(connection, tableStatement);
  if (!table?.exists) return 0;
  const [row] = await run(connection, countStatement);
  return row?.count ?? 0;
}
