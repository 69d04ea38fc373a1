import { sql } from 'drizzle-orm';

import { type Connection, run, statement } from '../query.ts';
import { revealAudit } from '../schema.ts';

/** The newest event of a rotation of the token key. */
export interface LastRotation {
  outcome: 'begun' | 'aborted' | 'swapped' | 'finished';
  /** ISO 8601, UTC. */
  at: string;
  /** Generations of the token key. */
  from: number;
  to: number;
  /** The ARN of the next token key, of one that has begun; null if that was not noted. */
  nextKey: string | null;
}

const lastStatement = statement<{ [Key in keyof LastRotation]: LastRotation[Key] }>(
  'last_rotation',
  sql`
  select outcome, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at,
    (detail::json ->> 'from')::integer as from, (detail::json ->> 'to')::integer as to,
    detail::json ->> 'nextKey' as "nextKey"
  from ${revealAudit}
  where action = 'rotate' and outcome in ('begun', 'aborted', 'swapped', 'finished')
  order by id desc limit 1
`,
);

/** What the audit says of rotations last; null if there was none. Reads all of the audit. Throws `DatabaseError`. */
export async function lastRotation(connection: Connection): Promise<LastRotation | null> {
  const [row] = await run(connection, lastStatement);
  return row ?? null;
}

const suppressedStatement = statement<{ count: string }>(
  'count_suppressed_by_audit',
  sql`
  select count(*) as count from (
    select distinct on (token) action from ${revealAudit}
    where action in ('suppress', 'lift') and outcome in ('suppressed', 'lifted')
      -- a rotation begins only after all suppressions have ended
      and id > coalesce(
        (select max(id) from ${revealAudit} where action = 'rotate' and outcome = 'begun'), 0
      )
    order by token, id desc
  ) as newest
  where action = 'suppress'
`,
);

/** How many tokens are suppressed, by the audit. Reads all of it. Throws `DatabaseError`. */
export async function countSuppressed(connection: Connection): Promise<number> {
  const [row] = await run(connection, suppressedStatement);
  return Number(row?.count ?? 0);
}
