import { migrate } from '../db/migrate/migrate.ts';
import { createPool } from '../db/pool.ts';
import { databaseConfig } from '../lib/config.ts';
import { createLog } from '../lib/log.ts';

const pool = createPool(databaseConfig(), 'maintenance');
const log = createLog();

/** Brings the database to this deployment's schema; returns how many migrations were applied. */
export const handler = async (): Promise<{ applied: number }> => {
  const result = await migrate(pool);
  log.info('migrated', result);
  return result;
};
