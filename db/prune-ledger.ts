import { sql } from 'drizzle-orm';

import { type Connection, run, statement } from './query.ts';

const rowsPerStatement = 10_000;

const pruneStatement = statement<{ pruned: number }>(
  'prune_ledger',
  sql`select vault.prune_ledger(${sql.placeholder('rows')}::integer) as pruned`,
);

const pruneRequestsStatement = statement('prune_requests', sql`select vault.prune_requests()`);

/** Deletes the claims of reveals that are over. Throws `DatabaseError`. */
export async function pruneRequests(connection: Connection): Promise<void> {
  await run(connection, pruneRequestsStatement);
}

/** Deletes what SQS cannot deliver again, in small statements; returns how many. Throws `DatabaseError`. */
export async function pruneLedger(connection: Connection): Promise<number> {
  let total = 0;
  for (;;) {
    const [row] = await run(connection, pruneStatement, { rows: rowsPerStatement });
    const pruned = row?.pruned ?? 0;
    total += pruned;
    if (pruned < rowsPerStatement) return total;
  }
}
