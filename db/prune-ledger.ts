import { sql } from 'drizzle-orm';

import { type Connection, run, statement } from './query.ts';
import { ingestedMessages } from './schema.ts';

// SQS keeps a message 14 days at most, and a copy that was sent again 14 days from then; the day is
// counted in UTC
const keptDays = 15;
const rowsPerStatement = 10_000;

const pruneStatement = statement<{ pruned: number }>(
  'prune_ledger',
  sql`
  with gone as (
    delete from ${ingestedMessages}
    where message_id in (
      select message_id from ${ingestedMessages}
      where coalesce(resent_on, sent_on) < (now() at time zone 'UTC')::date - ${sql.placeholder('days')}::integer
      limit ${sql.placeholder('limit')}::integer
    )
    returning message_id
  )
  select count(*)::integer as pruned from gone
`,
);

/** Deletes what SQS cannot deliver again, in small statements; returns how many. Throws `DatabaseError`. */
export async function pruneLedger(connection: Connection): Promise<number> {
  let total = 0;
  for (;;) {
    const [row] = await run(connection, pruneStatement, {
      days: keptDays,
      limit: rowsPerStatement,
    });
    const pruned = row?.pruned ?? 0;
    total += pruned;
    if (pruned < rowsPerStatement) return total;
  }
}
