import { sql } from 'drizzle-orm';

import type { RoleLimits } from '../lib/config.ts';
import { type Connection, run, statement } from './query.ts';
import { limits } from './schema.ts';

const p = sql.placeholder;

const writeLimitStatement = statement(
  'write_limit',
  sql`
  insert into ${limits} (role, per_caller, overall)
  values (${p('role')}::text, ${p('perCaller')}::integer, ${p('overall')}::integer)
  on conflict (role) do update set per_caller = excluded.per_caller, overall = excluded.overall
`,
);

/** Replaces the limits by those of the stage. Throws `DatabaseError`. */
export async function writeLimits(
  connection: Connection,
  wanted: readonly RoleLimits[],
): Promise<void> {
  for (const limit of wanted) await run(connection, writeLimitStatement, { ...limit });
}
