import { migrate, type MigrationReport } from '../db/migrate/migrate.ts';
import { createPool } from '../db/pool.ts';
import { databaseConfig, limitsConfig } from '../lib/config.ts';
import { createLog } from '../lib/log.ts';

const pool = createPool(databaseConfig(), 'maintenance');
const limits = limitsConfig();
const log = createLog();

/** Brings the database to this deployment's tables, functions, rights and limits. */
export const handler = async (): Promise<MigrationReport> => {
  const report = await migrate(pool, limits);
  log.info('migrated', { applied: report.applied, findings: report.findings.length });
  return report;
};
