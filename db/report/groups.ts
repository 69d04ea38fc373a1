import { sql } from 'drizzle-orm';

import { type Connection, run, statement } from '../query.ts';
import { traits, user } from './columns.ts';

/** Groups of logins that have the same traits, by how many users are in such a group. */
export interface GroupCount {
  /** The users in each of these groups, from … */
  from: number;
  groups: number;
  logins: number;
}

const groupsStatement = statement<{ from: string; groups: string; logins: string }>(
  'report_groups',
  sql`
  with pairs as (
    select ${traits} as traits, ${user} as user, count(*) as logins from public.user_logins
    where user_id is not null group by 1, 2
  ), groups as (
    select count(*) as users, sum(logins)::bigint as logins from pairs group by traits
  )
  select
    case when users < 2 then 1 when users < 5 then 2 when users < 10 then 5 when users < 100 then 10 else 100 end
      as from,
    count(*) as groups, sum(logins) as logins
  from groups group by 1 order by 1
`,
);

/** The groups with 1, 2 to 4, 5 to 9, 10 to 99, and 100 or more users, as far as there are any. Throws `DatabaseError`. */
export async function readGroups(connection: Connection): Promise<GroupCount[]> {
  const rows = await run(connection, groupsStatement);
  return rows.map(({ from, groups, logins }) => ({
    from: Number(from),
    groups: Number(groups),
    logins: Number(logins),
  }));
}
