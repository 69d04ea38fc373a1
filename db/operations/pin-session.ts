import { sql } from 'drizzle-orm';

import { type Connection, run, statement } from '../query.ts';

const pinStatement = statement<{ login: string }>(
  'pin_session',
  sql`
  select session_user as login, pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false)
`,
);

/**
 * Lets names without a schema mean only what is Postgres's own, for the rest of the session: another
 * role may have put objects of its own into the schema public. Returns the role that logged in,
 * which is the one that code within the session can always become. Throws `DatabaseError`.
 */
export async function pinSession(connection: Connection): Promise<string> {
  const [session] = await run(connection, pinStatement);
  return session?.login ?? '';
}
