import { sql } from 'drizzle-orm';

import { perKind, type PiiKind } from '../../lib/pii-fields.ts';
import { type Connection, run, statement } from '../query.ts';
import { token, user } from './columns.ts';

/** How many tokens have each count. */
export type Histogram = ReadonlyMap<number, number>;

/** How the tokens of one kind are used. */
export interface TokenUse {
  /** Tokens by the number of logins that have them. */
  byLogins: Histogram;
  /** Tokens by the number of users whose logins have them. */
  byUsers: Histogram;
  /** Tokens by the day (YYYY-MM-DD) of their first login. */
  byFirstDay: ReadonlyMap<string, number>;
}

const useStatements = perKind(({ kind, column }) =>
  statement<{ measure: 'users' | 'logins' | 'day'; value: string; tokens: string }>(
    `report_${kind}_use`,
    sql`
    with pairs as (
      select
        ${token(column)} as token, ${user} as user, count(*) as logins,
        min(create_date::date) filter (where isfinite(create_date)) as first_day
      from public.user_logins where ${sql.identifier(column)} is not null group by 1, 2
    ), tokens as (
      select count(pairs.user) as users, sum(logins)::bigint as logins, min(first_day) as first_day
      from pairs group by token
    )
    select
      case when grouping(users) = 0 then 'users' when grouping(logins) = 0 then 'logins' else 'day' end as measure,
      coalesce(users::text, logins::text, to_char(first_day, 'YYYY-MM-DD'), '') as value, count(*) as tokens
    from tokens group by grouping sets ((users), (logins), (first_day))
  `,
  ),
);

/** How the tokens of this kind are used. Throws `DatabaseError`. */
export async function readTokenUse(connection: Connection, kind: PiiKind): Promise<TokenUse> {
  const rows = await run(connection, useStatements[kind]);
  const counts = (wanted: string) =>
    rows
      .filter(({ measure, value }) => measure === wanted && value !== '')
      .map(({ value, tokens }) => [value, Number(tokens)] as const);
  const numbers = (wanted: string) =>
    new Map(counts(wanted).map(([value, tokens]) => [Number(value), tokens]));
  return {
    byLogins: numbers('logins'),
    byUsers: numbers('users'),
    byFirstDay: new Map(counts('day').toSorted(([a], [b]) => (a < b ? -1 : 1))),
  };
}
