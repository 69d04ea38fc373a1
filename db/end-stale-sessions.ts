import { sql } from 'drizzle-orm';

import { type Connection, run, statement } from './query.ts';

const endStatement = statement<{ ended: number }>(
  'end_stale_sessions',
  sql`select vault.end_stale_sessions() as ended`,
);

/**
 * Ends sessions of the vault's functions that hold a transaction for longer than any request takes;
 * returns how many. Throws `DatabaseError`.
 */
export async function endStaleSessions(connection: Connection): Promise<number> {
  const [row] = await run(connection, endStatement);
  return row?.ended ?? 0;
}
