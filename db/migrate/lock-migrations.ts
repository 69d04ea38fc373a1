import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';

import { DatabaseUnfit } from '../../lib/errors.ts';
import { type Connection, run, statement } from '../query.ts';

const maxWaitMs = 15_000;

const key = sql.raw(`hashtext('vault.migrations')`);

const tryLockStatement = statement<{ locked: boolean }>(
  'try_lock_migrations',
  sql`select pg_try_advisory_xact_lock(${key}) as locked`,
);

const holderStatement = statement<{ holder: string }>(
  'migrations_lock_holder',
  sql`
  select activity.usename || ', process ' || activity.pid as holder
  from pg_locks as lock join pg_stat_activity as activity using (pid)
  where lock.locktype = 'advisory' and lock.granted and lock.objsubid = 1
    and (lock.classid::bigint << 32) | lock.objid::bigint = ${key}::bigint
    and activity.datname = current_database()
`,
);

/**
 * Prevents other migrations until this transaction ends. Any role can hold this lock, so after 15
 * seconds it throws `DatabaseUnfit`, which names the holder. Throws `DatabaseError`.
 */
export async function lockMigrations(connection: Connection): Promise<void> {
  for (const deadline = Date.now() + maxWaitMs; ; await sleep(250)) {
    const [row] = await run(connection, tryLockStatement);
    if (row?.locked === true) return;
    if (Date.now() > deadline) break;
  }
  const [found] = await run(connection, holderStatement);
  throw new DatabaseUnfit([
    `another session holds the lock of migrations (${found?.holder ?? 'it has just ended'}): ` +
      'wait for that migration, or end the session, and try again',
  ]);
}
