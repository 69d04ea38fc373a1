import { sql } from 'drizzle-orm';

import { type Connection, run, statement } from '../query.ts';
import { traits, user } from './columns.ts';

/** A user, and what somebody knows about up to four of the user's logins, in random order. */
export interface Case {
  user: string;
  /** The traits of the logins, no two the same, as numbers. */
  known: string[];
  /** How many different traits the user's logins have. */
  total: number;
}

const seed = 1;

const casesStatement = statement<{ user: string; known: string[]; total: number }>(
  'report_cases',
  sql`
  with pairs as (
    select ${user} as user, ${traits} as traits from public.user_logins
    where user_id is not null and hashint8extended(${user}, ${sql.raw(String(seed))}) % ${sql.placeholder('oneIn')}::bigint = 0
    group by 1, 2
  ), placed as (
    select
      pairs.user, pairs.traits, count(*) over (partition by pairs.user)::integer as total,
      -- mixed with the user: another user's logins are in another order
      row_number() over (partition by pairs.user order by hashint8extended(pairs.traits # pairs.user, 2)) as place
    from pairs
  )
  select placed.user, array_agg(traits::text order by place) as known, total
  from placed where place <= 4 group by placed.user, total
  order by hashint8extended(placed.user, 3), placed.user
`,
);

/** A random sample of one in `oneIn` users, in random order; the same for the same data. Throws `DatabaseError`. */
export function readCases(connection: Connection, oneIn: number): Promise<Case[]> {
  return run(connection, casesStatement, { oneIn });
}

const sizeStatement = statement<{ logins: string }>(
  'report_cases_size',
  sql`
  select coalesce(sum(cases.count), 0) as logins
  from public.user_logins join (
    select known, count(*) from unnest(${sql.placeholder('known')}::bigint[]) as known group by 1
  ) as cases on cases.known = ${traits}
`,
);

/** How many logins have the traits that are known in these cases, counted for each case. Throws `DatabaseError`. */
export async function countMatches(
  connection: Connection,
  cases: readonly Case[],
): Promise<number> {
  const known = cases.flatMap((each) => each.known);
  const [row] = await run(connection, sizeStatement, { known });
  return Number(row?.logins);
}

const othersStatement = statement<{ user: string; known: number }>(
  'report_others',
  sql`
  with cases as (
    select * from unnest(
      ${sql.placeholder('users')}::bigint[], ${sql.placeholder('places')}::integer[],
      ${sql.placeholder('known')}::bigint[]
    ) as cases (owner, place, known)
  ), others as (
    select owner, ${user} as other, bit_or(1 << place) as places
    from public.user_logins join cases on cases.known = ${traits}
    where user_id is not null and ${user} <> owner group by 1, 2
  )
  select owner as user, max(
    case when places & 15 = 15 then 4 when places & 7 = 7 then 3 when places & 3 = 3 then 2 else places & 1 end
  ) as known
  from others group by 1
`,
);

/**
 * For each case in which others have what is known: how many of the known logins, from the first on, there is
 * another user for who has them all. Throws `DatabaseError`.
 */
export async function readOthers(
  connection: Connection,
  cases: readonly Case[],
): Promise<Map<string, number>> {
  const rows = await run(connection, othersStatement, {
    users: cases.flatMap((each) => each.known.map(() => each.user)),
    places: cases.flatMap((each) => each.known.map((_, place) => place)),
    known: cases.flatMap((each) => each.known),
  });
  return new Map(rows.map((row) => [row.user, row.known]));
}
