import type { Pool } from 'pg';

import { recordOutcomes } from '../../db/record-reveal.ts';
import type { AuditContext, AuditHead } from '../../lib/audit/entry.ts';

/** The context of a reveal for a reason. */
export function auditContext(changes: Partial<AuditContext> = {}): AuditContext {
  return {
    action: 'reveal',
    requestId: '3b1c7f1e-0000-4000-8000-000000000000',
    principal: { id: 'grace', source: 'claimed' },
    reason: 'fraud case 4711',
    ...changes,
  };
}

/** A token of the right shape that stands for nothing; `n` tells them apart. */
export function someToken(n: number): string {
  return `ip_v1_${String(n).padStart(27, 'A')}`;
}

/** Appends `rows` rows, one request each. Returns the head after the last. */
export async function appendRows(pool: Pool, rows: number): Promise<AuditHead> {
  let head: AuditHead | null = null;
  for (let n = 0; n < rows; n += 1) {
    head = await recordOutcomes(pool, auditContext(), new Map([[someToken(n), 'revealed']]));
  }
  if (head === null) throw new RangeError('append one row or more');
  return head;
}
