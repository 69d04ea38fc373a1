import { sql } from 'drizzle-orm';

import { type Connection, run, statement } from '../query.ts';
import { revealAudit, userLogins } from '../schema.ts';

/** The database that a drill restores into, and drops again. */
export const drillDatabase = 'vault_drill';

const createStatement = statement('create_drill_database', sql`create database vault_drill`);
const dropStatement = statement(
  'drop_drill_database',
  sql`drop database if exists vault_drill with (force)`,
);

/** Creates the drill's database, empty. Needs a superuser. Throws `DatabaseError`. */
export async function createDrillDatabase(connection: Connection): Promise<void> {
  await run(connection, createStatement);
}

/** Drops the drill's database, if there is one. Needs a superuser. Throws `DatabaseError`. */
export async function dropDrillDatabase(connection: Connection): Promise<void> {
  await run(connection, dropStatement);
}

const tokensStatement = statement<{ masked_ip: string; masked_device_id: string }>(
  'tokens_of_user',
  sql`
  select masked_ip, masked_device_id from public.${userLogins}
  where user_id = ${sql.placeholder('userId')}::text and masked_ip is not null and masked_device_id is not null
  limit 1
`,
);

/** The tokens of the user's login, which has both; null if there is none. Throws `DatabaseError`. */
export async function tokensOfUser(
  connection: Connection,
  userId: string,
): Promise<{ ip: string; deviceId: string } | null> {
  const [row] = await run(connection, tokensStatement, { userId });
  return row === undefined ? null : { ip: row.masked_ip, deviceId: row.masked_device_id };
}

const auditedStatement = statement<{ count: string }>(
  'count_audit_rows_of_request',
  sql`select count(*) as count from ${revealAudit} where request_id = ${sql.placeholder('requestId')}::text`,
);

/** How many audit rows a request has left. Throws `DatabaseError`. */
export async function countAuditRows(connection: Connection, requestId: string): Promise<number> {
  const [row] = await run(connection, auditedStatement, { requestId });
  return Number(row?.count ?? 0);
}
