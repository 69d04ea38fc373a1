import { fileURLToPath } from 'node:url';
import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate as applyMigrations } from 'drizzle-orm/node-postgres/migrator';
import type { Pool, PoolClient } from 'pg';

import { withoutParameters } from './query.ts';

// from functions/ in the deployed bundle and from db/ in the sources this is the same folder
const migrationsFolder = fileURLToPath(new URL('../db/migrations', import.meta.url));

/**
 * Applies the migrations this database lacks, in one transaction; what is there is left as it is.
 * Returns how many were applied. Throws `DatabaseError`.
 */
export async function migrate(pool: Pool): Promise<{ applied: number }> {
  return withoutParameters(async () => {
    const client = await pool.connect();
    try {
      // two deployments at once: the second waits, and then finds nothing to do
      await client.query(`select pg_advisory_lock(hashtext('vault.migrations'))`);
      const before = await countApplied(client);
      await applyMigrations(drizzle(client), {
        migrationsFolder,
        migrationsSchema: 'vault',
        migrationsTable: 'migrations',
      });
      return { applied: (await countApplied(client)) - before };
    } finally {
      // ends the session, and with it the lock
      client.release(true);
    }
  });
}

async function countApplied(client: PoolClient): Promise<number> {
  const { rows } = await client.query<{ exists: boolean }>(
    `select to_regclass('vault.migrations') is not null as exists`,
  );
  if (!rows[0]?.exists) return 0;
  const counted = await client.query<{ count: number }>(
    'select count(*)::integer as count from vault.migrations',
  );
  return counted.rows[0]?.count ?? 0;
}
