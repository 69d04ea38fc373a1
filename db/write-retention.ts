import { sql } from 'drizzle-orm';

import { type Connection, run, statement } from './query.ts';
import { retention } from './schema.ts';

const writeRetentionStatement = statement(
  'write_retention',
  sql`
  insert into ${retention} (days) values (${sql.placeholder('days')}::integer)
  on conflict (only_row) do update set days = excluded.days
`,
);

/** Replaces how many days sealed values are kept; null: without end. Throws `DatabaseError`. */
export async function writeRetention(connection: Connection, days: number | null): Promise<void> {
  await run(connection, writeRetentionStatement, { days });
}
