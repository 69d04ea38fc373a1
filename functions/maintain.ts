import { endStaleSessions } from '../db/end-stale-sessions.ts';
import { dropSpentKeys, expireValues } from '../db/expire-values.ts';
import { createPool } from '../db/pool.ts';
import { pruneLedger, pruneRequests } from '../db/prune-ledger.ts';
import { expireRequests, openBreakGlass } from '../db/reveal-requests.ts';
import { addCheckpoint, readCheckpoint, storedAudit } from '../db/read-audit.ts';
import { findRoleSettings, settingsPhrase } from '../db/role-settings.ts';
import type { AnchorPlace, Anchors } from '../lib/audit/anchor.ts';
import { anchorPlace, databaseConfig, metricsConfig } from '../lib/config.ts';
import { createLog } from '../lib/log.ts';
import { createMetrics } from '../lib/metrics.ts';
import { maintain, type MaintainDeps, type MaintainReport } from '../lib/audit/maintain.ts';

const pool = createPool(databaseConfig(), 'maintenance');
const place = anchorPlace();
const expiryMs = 5 * 60_000;

// a stage without a bucket need not load S3's client
async function anchorsIn(bucket: AnchorPlace): Promise<Anchors> {
  const { createAnchors, createS3Client } = await import('../lib/audit/anchor.ts');
  return createAnchors(createS3Client(), bucket);
}

const deps: MaintainDeps = {
  endStaleSessions: () => endStaleSessions(pool),
  prune: async () => {
    await pruneRequests(pool);
    await expireRequests(pool);
    return pruneLedger(pool);
  },
  expire: () => {
    // the next round goes on
    const end = Date.now() + expiryMs;
    return expireValues(pool, () => Date.now() >= end);
  },
  dropSpentKeys: () => dropSpentKeys(pool),
  findRoleSettings: async () =>
    (await findRoleSettings(pool)).map(({ name, settings }) => settingsPhrase(name, settings)),
  breakGlass: async () => (await openBreakGlass(pool)).map(({ id }) => id),
  audit: storedAudit(pool),
  readCheckpoint: () => readCheckpoint(pool),
  // on Sundays, UTC
  isFull: () => new Date().getUTCDay() === 0,
  addCheckpoint: (head) => addCheckpoint(pool, head),
  anchors: place === null ? null : await anchorsIn(place),
  log: createLog(),
  metrics: createMetrics(metricsConfig()),
};

/** The daily round; an error raises the alarm on this function's errors. */
export const handler = (): Promise<MaintainReport> => maintain(deps);
