import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate as applyMigrations } from 'drizzle-orm/node-postgres/migrator';
import type { Pool } from 'pg';

import { DatabaseUnfit } from '../../lib/errors.ts';
import { findLoginsFaults } from './check-logins-table.ts';
import { countApplied, findSchemaFaults } from './check-vault-schema.ts';
import { openSequences } from './open-sequences.ts';
import { run, statement, withoutParameters } from '../query.ts';
import { sqlFolder } from '../sql-folder.ts';

const migrationsFolder = fileURLToPath(new URL('migrations', sqlFolder));

const lockStatement = statement(
  'lock_migrations',
  sql`select pg_advisory_lock(hashtext('vault.migrations'))`,
);

/**
 * Applies the migrations this database lacks, in one transaction; what is there is left as it is.
 * Returns how many were applied. Throws `DatabaseUnfit`, with nothing changed, where what is there
 * is not what the vault can write to; and `DatabaseError`.
 */
export async function migrate(pool: Pool): Promise<{ applied: number }> {
  const client = await withoutParameters(() => pool.connect());
  try {
    // two deployments at once: the second waits, and then finds nothing to do
    await run(client, lockStatement);
    const faults = [...(await findSchemaFaults(client)), ...(await findLoginsFaults(client))];
    if (faults.length > 0) throw new DatabaseUnfit(faults);
    const before = await countApplied(client);
    await withoutParameters(() =>
      applyMigrations(drizzle(client), {
        migrationsFolder,
        migrationsSchema: 'vault',
        migrationsTable: 'migrations',
      }),
    );
    await openSequences(client);
    return { applied: (await countApplied(client)) - before };
  } finally {
    // ends the session, and with it the lock
    client.release(true);
  }
}
