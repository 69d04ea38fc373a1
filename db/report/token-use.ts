import { sql } from 'drizzle-orm';

import { perKind, type PiiKind } from '../../lib/pii-fields.ts';
import { type Connection, run, statement } from '../query.ts';
import { token, user } from './columns.ts';

/** How many tokens have each count. */
export type Histogram = ReadonlyMap<number, number>;

/** A user whose tokens other users have too. */
export interface SharingUser {
  userId: string;
  /** How many of the user's tokens other users have too. */
  tokens: number;
  /** How many other users have them, counted once for each token. */
  others: number;
}

/** A token that several users have. */
export interface SharedToken {
  token: string;
  users: number;
  logins: number;
}

/** How the tokens of one kind are used. */
export interface TokenUse {
  /** Tokens by the number of logins that have them. */
  byLogins: Histogram;
  /** Tokens by the number of users whose logins have them. */
  byUsers: Histogram;
  /** Tokens by the day (YYYY-MM-DD) of their first login. */
  byFirstDay: ReadonlyMap<string, number>;
  /** Who shares most, most first. */
  sharingUsers: SharingUser[];
  sharedTokens: SharedToken[];
}

// one statement for all of it: most of its time goes into the pairs
const useStatements = perKind(({ kind, column }) =>
  statement<Row>(
    `report_${kind}_use`,
    sql`
    with pairs as materialized (
      select
        ${token(column)} as token, ${user} as user, count(*) as logins,
        min(create_date::date) filter (where isfinite(create_date)) as first_day
      from public.user_logins where ${sql.identifier(column)} is not null group by 1, 2
    ), tokens as materialized (
      select token, count(pairs.user) as users, sum(logins)::bigint as logins, min(first_day) as first_day
      from pairs group by token
    ), top_tokens as (
      select token, users, logins from tokens where users > 1
      order by users desc, logins desc, token limit ${sql.placeholder('limit')}
    ), top_users as (
      select pairs.user, count(*) as tokens, sum(users - 1)::bigint as others
      from pairs join (select token, users from tokens where users > 1) as shared using (token)
      where pairs.user is not null group by 1
      order by others desc, tokens desc, 1 limit ${sql.placeholder('limit')}
    )
    select
      case when grouping(users) = 0 then 'users' when grouping(logins) = 0 then 'logins' else 'day' end as measure,
      coalesce(users::text, logins::text, to_char(first_day, 'YYYY-MM-DD'), '') as name,
      count(*)::float8 as count, 0::float8 as of
    from tokens group by grouping sets ((users), (logins), (first_day))
    union all
    select 'shared token', min(${sql.identifier(column)}::text), top.users::float8, top.logins::float8
    from public.user_logins join top_tokens as top on top.token = ${token(column)}
    group by top.token, top.users, top.logins
    union all
    select 'sharing user', min(user_id::text), top.tokens::float8, top.others::float8
    from public.user_logins join top_users as top on top.user = ${user}
    group by top.user, top.tokens, top.others
  `,
  ),
);

type Row = {
  measure: 'users' | 'logins' | 'day' | 'shared token' | 'sharing user';
  name: string;
  count: number;
  of: number;
};

/** How the tokens of this kind are used, with the `limit` users and tokens that share most. Throws `DatabaseError`. */
export async function readTokenUse(
  connection: Connection,
  kind: PiiKind,
  limit: number,
): Promise<TokenUse> {
  const rows = await run(connection, useStatements[kind], { limit });
  const of = (wanted: Row['measure']) =>
    rows.filter(({ measure, name }) => measure === wanted && name !== '');
  const histogram = (wanted: Row['measure']) =>
    new Map(of(wanted).map(({ name, count }) => [Number(name), count]));
  const days = of('day').map(({ name, count }) => [name, count] as const);
  return {
    byLogins: histogram('logins'),
    byUsers: histogram('users'),
    byFirstDay: new Map(days.toSorted(([a], [b]) => (a < b ? -1 : 1))),
    sharingUsers: of('sharing user')
      .map((row) => ({ userId: row.name, tokens: row.count, others: row.of }))
      .toSorted((a, b) => b.others - a.others || (a.userId < b.userId ? -1 : 1)),
    sharedTokens: of('shared token')
      .map((row) => ({ token: row.name, users: row.count, logins: row.of }))
      .toSorted((a, b) => b.users - a.users || b.logins - a.logins),
  };
}
