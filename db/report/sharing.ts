import { sql } from 'drizzle-orm';

import { perKind, type PiiKind } from '../../lib/pii-fields.ts';
import { type Connection, run, statement, withoutParameters } from '../query.ts';
import { type RowOf, token, user } from './columns.ts';

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

/** Who shares most, most first. */
export interface Sharing {
  users: SharingUser[];
  tokens: SharedToken[];
}

const sharingStatements = perKind(({ kind, column }) =>
  statement<{ measure: 'user' | 'token'; name: string; count: string; of: string }>(
    `report_${kind}_sharing`,
    sql`
    with pairs as materialized (
      select ${token(column)} as token, ${user} as user, count(*) as logins
      from public.user_logins where ${sql.identifier(column)} is not null and user_id is not null
      group by 1, 2
    ), shared as materialized (
      select token, count(*) as users, sum(logins)::bigint as logins from pairs group by token having count(*) > 1
    ), top_tokens as (
      select * from shared order by users desc, logins desc, token limit ${sql.placeholder('limit')}
    ), top_users as (
      select pairs.user, count(*) as tokens, sum(users - 1)::bigint as others from pairs join shared using (token)
      group by 1 order by others desc, tokens desc, 1 limit ${sql.placeholder('limit')}
    )
    select 'token' as measure, min(${sql.identifier(column)}::text) as name, top.users as count, top.logins as of
    from public.user_logins join top_tokens as top on top.token = ${token(column)}
    group by top.token, top.users, top.logins
    union all
    select 'user', min(user_id::text), top.tokens, top.others
    from public.user_logins join top_users as top on top.user = ${user}
    group by top.user, top.tokens, top.others
  `,
  ),
);

/** The `limit` users and tokens of this kind that share most. Throws `DatabaseError`. */
export async function readSharing(
  connection: Connection,
  kind: PiiKind,
  limit: number,
): Promise<Sharing> {
  const rows = await run(connection, sharingStatements[kind], { limit });
  const named = (wanted: string) =>
    rows
      .filter(({ measure }) => measure === wanted)
      .map(({ name, count, of }) => ({ name, count: Number(count), of: Number(of) }));
  return {
    users: named('user')
      .map(({ name, count, of }) => ({ userId: name, tokens: count, others: of }))
      .toSorted((a, b) => b.others - a.others || (a.userId < b.userId ? -1 : 1)),
    tokens: named('token')
      .map(({ name, count, of }) => ({ token: name, users: count, logins: of }))
      .toSorted((a, b) => b.users - a.users || b.logins - a.logins),
  };
}

/** Two users that share a token, as numbers. */
export interface Link {
  one: number;
  other: number;
}

const linkStatements = perKind(({ kind, column }) =>
  statement<RowOf<Link>>(
    `report_${kind}_links`,
    // 53 bits of a hash are a number that JavaScript holds exactly
    sql`
    with shared as (
      select ${token(column)} as token, min(${user}) as one from public.user_logins
      where ${sql.identifier(column)} is not null group by 1 having min(${user}) <> max(${user})
    )
    select distinct
      (one & 9007199254740991)::float8 as one, (${user} & 9007199254740991)::float8 as other
    from public.user_logins join shared on shared.token = ${token(column)} where ${user} <> one
  `,
  ),
);

const linksAtOnce = 20_000;

/**
 * Pairs of users that share a token of this kind, a page at a time: enough of them to find who is linked, also
 * through others. Users are numbers here. Only within a transaction. Throws `DatabaseError`.
 */
export async function* readLinks(connection: Connection, kind: PiiKind): AsyncGenerator<Link[]> {
  const ask = (query: string) => withoutParameters(() => connection.query<RowOf<Link>>(query));
  await ask(`declare links no scroll cursor for ${linkStatements[kind].text}`);
  for (;;) {
    const { rows } = await ask(`fetch ${linksAtOnce} from links`);
    if (rows.length > 0) yield rows;
    if (rows.length < linksAtOnce) break;
  }
  await ask('close links');
}
