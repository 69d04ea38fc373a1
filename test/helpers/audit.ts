import type { Pool } from 'pg';

import { claimReveal } from '../../db/audited-requests.ts';
import type { ChainPosition } from '../../lib/audit/chain.ts';
import type { AuditContext } from '../../lib/audit/entry.ts';

/** The context of a reveal for a reason. */
export function auditContext(changes: Partial<AuditContext> = {}): AuditContext {
  return {
    requestId: '3b1c7f1e-0000-4000-8000-000000000000',
    principal: { id: 'grace', source: 'claimed' },
    reason: 'fraud case 4711',
    ...changes,
  };
}

/** A token of the right shape that stands for nothing; `n` tells them apart. */
export function someToken(n: number): string {
  return `ip_v1_${String(n).padStart(26, 'A')}A`;
}

/** Appends `rows` rows of reveals, one request each, as `vault_reveal`. Returns the head after the last. */
export async function appendRows(pool: Pool, rows: number): Promise<ChainPosition> {
  let head: ChainPosition | null = null;
  for (let n = 0; n < rows; n += 1) {
    ({ head } = await claimReveal(pool, auditContext(), [someToken(n)]));
  }
  if (head === null) throw new RangeError('append one row or more');
  return head;
}

/** What only the owner can do: switches off the audit's triggers, and lets its rows have any form. */
export async function openAudit(admin: Pool): Promise<void> {
  const { rows } = await admin.query<{ conname: string }>(
    `select conname from pg_constraint where conrelid = 'vault.reveal_audit'::regclass and contype = 'c'`,
  );
  for (const { conname } of rows) {
    await admin.query(`alter table vault.reveal_audit drop constraint ${conname}`);
  }
  await admin.query('alter table vault.reveal_audit disable trigger all');
}
