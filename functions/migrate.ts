import { migrate, type MigrationReport } from '../db/migrate/migrate.ts';
import { createPool } from '../db/pool.ts';
import {
  approvalRule,
  databaseConfig,
  isRotating,
  limitsConfig,
  retentionDays,
  tokenKeyArns,
} from '../lib/config.ts';
import { createLog } from '../lib/log.ts';

const pool = createPool(databaseConfig(), 'maintenance');
const limits = limitsConfig();
const approval = approvalRule();
const options = {
  isRotating: isRotating(),
  retention: retentionDays(),
  tokenKeys: tokenKeyArns(),
};
const log = createLog();

/** Brings the database to this deployment's tables, functions, rights, limits, approvals and retention. */
export const handler = async (): Promise<MigrationReport> => {
  const report = await migrate(pool, limits, approval, options);
  log.info('migrated', { applied: report.applied, findings: report.findings.length });
  return report;
};
