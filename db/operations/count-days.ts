import { sql } from 'drizzle-orm';

import type { DayCounts } from '../../lib/operations/reconcile.ts';
import { type Connection, run, statement } from '../query.ts';
import { ingestedMessages, userLogins } from '../schema.ts';

// one statement, and so one snapshot: a batch is in both counts or in neither
const countDaysStatement = statement<{ day: string; stored: string; logins: string }>(
  'count_days',
  sql`
  with ledger as (
    select sent_on as day, count(*) as stored from ${ingestedMessages}
    where sent_on between (now() at time zone 'UTC')::date - ${sql.placeholder('days')}::integer
      and (now() at time zone 'UTC')::date + 1
    group by sent_on
  ), logins as (
    select create_date as day, count(*) as logins from public.${userLogins}
    where create_date between (now() at time zone 'UTC')::date - ${sql.placeholder('days')}::integer
      and (now() at time zone 'UTC')::date + 1
    group by create_date
  )
  select
    to_char(day, 'YYYY-MM-DD') as day, coalesce(stored, 0) as stored, coalesce(logins, 0) as logins
  from ledger full join logins using (day)
  order by day
`,
);

const countImpossibleStatement = statement<{ count: string }>(
  'count_impossible_days',
  sql`
  select count(*) as count from ${ingestedMessages}
  where sent_on < '2000-01-01' or sent_on > (now() at time zone 'UTC')::date + 1
`,
);

/**
 * The messages in the ledger and the rows of `user_logins`, of each UTC day that has any, of the
 * last `days` days, today and tomorrow. Reads all of `user_logins`. Throws `DatabaseError`.
 */
export async function countDays(connection: Connection, days: number): Promise<DayCounts[]> {
  const rows = await run(connection, countDaysStatement, { days });
  return rows.map(({ day, stored, logins }) => ({
    day,
    stored: Number(stored),
    logins: Number(logins),
  }));
}

/**
 * How many messages of the ledger have a day before 2000 or after tomorrow, which the vault does not
 * write. Throws `DatabaseError`.
 */
export async function countImpossibleDays(connection: Connection): Promise<number> {
  const [row] = await run(connection, countImpossibleStatement);
  return Number(row?.count ?? 0);
}
