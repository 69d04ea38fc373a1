import { sql } from 'drizzle-orm';

import { perKind, type PiiKind } from '../../lib/pii-fields.ts';
import { type Connection, statement, withoutParameters } from '../query.ts';
import { type RowOf, token, user } from './columns.ts';

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
