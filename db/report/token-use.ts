import { type SQL, sql } from 'drizzle-orm';

import { perKind, type PiiKind } from '../../lib/pii-fields.ts';
import { type Connection, run, statement } from '../query.ts';
import { token, user } from './columns.ts';
import { copyRows } from './copy-rows.ts';

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

/** Told of pairs of users that share a token, as numbers: enough pairs to find who is linked, also through others. */
export type LinkUsers = (one: number, other: number) => void;

/** How many users and tokens are named. */
const limit = 10;

// one statement for all of it: most of its time goes into the pairs
const useStatements = perKind(({ kind, column }) =>
  statement<Record<string, never>>(
    `report_${kind}_use`,
    sql`
    with pairs as materialized (
      select
        ${token(column)} as token, ${user} as user, count(*) as logins,
        min(create_date::date) filter (where isfinite(create_date)) as first_day
      from public.user_logins where ${sql.identifier(column)} is not null group by 1, 2
    ), tokens as materialized (
      select token, count(pairs.user) as users, min(pairs.user) as one, sum(logins)::bigint as logins,
        min(first_day) as first_day
      from pairs group by token
    ), shared as materialized (
      select pairs.user, tokens.one, tokens.users
      from pairs join tokens on tokens.token = pairs.token where tokens.users > 1 and pairs.user is not null
    )
    select ${measure('link')}, ${asNumber('one')}, ${asNumber('shared.user')}, null
    from shared where shared.user <> one
    union all
    select
      case when grouping(users) = 0 then ${measure('users')} when grouping(logins) = 0 then ${measure('logins')}
        else ${measure('day')} end,
      coalesce(users::text, logins::text, to_char(first_day, 'YYYY-MM-DD')), count(*)::text, null
    from tokens group by grouping sets ((users), (logins), (first_day))
    union all (
      select ${measure('token')}, token::text, users::text, logins::text from tokens where users > 1
      order by tokens.users desc, tokens.logins desc, tokens.token limit ${sql.raw(String(limit))}
    ) union all (
      select ${measure('user')}, shared.user::text, count(*)::text, sum(users - 1)::text
      from shared group by shared.user
      order by sum(users - 1) desc, count(*) desc, shared.user limit ${sql.raw(String(limit))}
    )
  `,
  ),
);

type Measure = 'link' | 'users' | 'logins' | 'day' | 'token' | 'user';

function measure(name: Measure): SQL {
  return sql.raw(`'${name}'`);
}

/** 53 bits of a hash: a number that JavaScript holds exactly. */
function asNumber(column: string): SQL {
  return sql`(${sql.raw(column)} & 9007199254740991)::text`;
}

const nameStatements = perKind(({ kind, column }) =>
  statement<{ key: string; name: string }>(
    `report_${kind}_names`,
    sql`
    select 'token ' || ${token(column)} as key, min(${sql.identifier(column)}::text) as name
    from public.user_logins where ${token(column)} = any (${sql.placeholder('tokens')}::bigint[]) group by 1
    union all
    select 'user ' || ${user}, min(user_id::text)
    from public.user_logins where ${user} = any (${sql.placeholder('users')}::bigint[]) group by 1
  `,
  ),
);

/** A row of the statement: what it counts, by what, and up to two counts. */
interface Count {
  measure: string | null;
  key: string;
  count: number;
  of: number;
}

/**
 * How the tokens of this kind are used, with the users and tokens that share most. Calls `link` for
 * users that share one. Throws `DatabaseError`.
 */
export async function readTokenUse(
  connection: Connection,
  kind: PiiKind,
  link: LinkUsers,
): Promise<TokenUse> {
  const counts: Count[] = [];
  await copyRows(connection, useStatements[kind], ([name = null, key, count, of]) => {
    if (name === 'link') link(Number(key), Number(count));
    else if (key) counts.push({ measure: name, key, count: Number(count), of: Number(of) });
  });
  const all = (wanted: Measure) => counts.filter((row) => row.measure === wanted);
  const histogram = (wanted: Measure) =>
    new Map(all(wanted).map(({ key, count }) => [Number(key), count]));
  const names = await run(connection, nameStatements[kind], {
    tokens: all('token').map(({ key }) => key),
    users: all('user').map(({ key }) => key),
  });
  const nameOf = new Map(names.map(({ key, name }) => [key, name]));
  const days = all('day').map(({ key, count }) => [key, count] as const);
  return {
    byLogins: histogram('logins'),
    byUsers: histogram('users'),
    byFirstDay: new Map(days.toSorted(([a], [b]) => (a < b ? -1 : 1))),
    sharingUsers: all('user')
      .map(({ key, count, of }) => ({
        userId: nameOf.get(`user ${key}`) ?? '',
        tokens: count,
        others: of,
      }))
      .toSorted((a, b) => b.others - a.others || (a.userId < b.userId ? -1 : 1)),
    sharedTokens: all('token')
      .map(({ key, count, of }) => ({
        token: nameOf.get(`token ${key}`) ?? '',
        users: count,
        logins: of,
      }))
      .toSorted((a, b) => b.users - a.users || b.logins - a.logins),
  };
}
