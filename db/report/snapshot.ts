import type { Pool } from 'pg';

import { type Connection, transaction, withoutParameters } from '../query.ts';

// `work_mem` bounds what each sort and each hash table keeps in memory; the rest goes to temporary files
const settings = `
  set transaction isolation level repeatable read, read only;
  set local search_path = pg_catalog, pg_temp;
  set local timezone = 'UTC';
  set local work_mem = '96MB';
  set local jit = off`;

/** Runs `work` on one moment of the database, which it cannot change. Throws `DatabaseError`. */
export function inSnapshot<T>(
  pool: Pool,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  return transaction(pool, async (connection) => {
    await withoutParameters(() => connection.query(settings));
    return work(connection);
  });
}
