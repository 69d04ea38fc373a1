import type { Pool } from 'pg';

import { readActions, readAuditState, readKeys, readPeople } from '../../db/report/audit.ts';
import { inSnapshot } from '../../db/report/snapshot.ts';
import { type AuditData, chartDays } from './data.ts';

/** Reads all that the report says about the audit. The pool's role is `vault_auditor`. Throws `DatabaseError`. */
export function collectAudit(pool: Pool): Promise<AuditData> {
  return inSnapshot(pool, async (connection) => ({
    state: await readAuditState(connection),
    actions: await readActions(connection),
    people: await readPeople(connection, { days: chartDays, people: 5 }),
    keys: await readKeys(connection),
  }));
}
