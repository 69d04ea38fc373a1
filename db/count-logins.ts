import { sql } from 'drizzle-orm';

import { perKind } from '../lib/pii-fields.ts';
import { type Connection, run, statement } from './query.ts';
import { userLogins } from './schema.ts';

const p = sql.placeholder;

const byDayStatement = statement<{ day: string; count: string }>(
  'count_logins_by_day',
  sql`
  select to_char(create_date, 'YYYY-MM-DD') as day, count(*) as count from public.${userLogins}
  where create_date >= (now() at time zone 'UTC')::date - ${p('days')}::integer
  group by create_date order by create_date
`,
);

/** Logins of each UTC day that has any, of the last `days` days and today. Throws `DatabaseError`. */
export async function countLoginsByDay(
  connection: Connection,
  days: number,
): Promise<Map<string, number>> {
  const rows = await run(connection, byDayStatement, { days });
  return new Map(rows.map(({ day, count }) => [day, Number(count)]));
}

/** How often one token is in `user_logins`. */
export interface TokenUse {
  logins: number;
  users: number;
  /** UTC days, `YYYY-MM-DD`. */
  first: string | null;
  last: string | null;
}

const usesStatement = perKind(({ kind, column }) =>
  statement<{
    token: string;
    logins: string;
    users: string;
    first: string | null;
    last: string | null;
  }>(
    `count_logins_of_${kind}`,
    sql`
  select
    ${sql.identifier(column)} as token, count(*) as logins, count(distinct user_id) as users,
    to_char(min(create_date), 'YYYY-MM-DD') as first, to_char(max(create_date), 'YYYY-MM-DD') as last
  from public.${userLogins}
  where ${sql.identifier(column)} = any(${p('tokens')}::text[])
  group by token
`,
  ),
);

/** The logins of these tokens of one kind, by token; none for a token without a login. Throws `DatabaseError`. */
export async function countLoginsOf(
  connection: Connection,
  kind: keyof typeof usesStatement,
  tokens: readonly string[],
): Promise<Map<string, TokenUse>> {
  const rows = await run(connection, usesStatement[kind], { tokens });
  return new Map(
    rows.map(({ token, logins, users, first, last }) => [
      token,
      { logins: Number(logins), users: Number(users), first, last },
    ]),
  );
}
