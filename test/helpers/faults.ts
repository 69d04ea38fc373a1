import type { Role } from '../../db/roles.ts';
import type { TestDatabase } from './database.ts';

/** Ends every connection of the role to this database, as a restart does, and waits for their end. */
export async function terminate({ admin, name }: TestDatabase, role: Role): Promise<number> {
  const { rowCount } = await admin.query(
    `select pg_terminate_backend(pid, 10000) from pg_stat_activity
     where datname = $1 and usename = $2`,
    [name, role],
  );
  return rowCount ?? 0;
}

/** Returns once `waiting` connections of the role wait for a lock that another one holds. */
export async function untilBlocked(
  { admin, name }: TestDatabase,
  role: Role,
  waiting = 1,
): Promise<void> {
  for (;;) {
    const { rowCount } = await admin.query(
      `select from pg_stat_activity
       where datname = $1 and usename = $2 and wait_event_type = 'Lock'`,
      [name, role],
    );
    if ((rowCount ?? 0) >= waiting) return;
  }
}

/**
 * Runs `statement` in a transaction of the superuser, and holds its locks while `work` runs.
 * What `statement` did is undone.
 */
export async function whileHolding<T>(
  { admin }: TestDatabase,
  statement: string,
  work: (release: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const holder = await admin.connect();
  let held = true;
  const release = async () => {
    if (held) await holder.query('rollback');
    held = false;
  };
  try {
    await holder.query('begin');
    await holder.query(statement);
    return await work(release);
  } finally {
    await release();
    holder.release();
  }
}
