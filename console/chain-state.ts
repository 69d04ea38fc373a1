import type { Connection } from '../db/query.ts';
import { readCheckpoint, readLastVerified, storedAudit } from '../db/read-audit.ts';
import { chainStart, startBefore } from '../lib/audit/chain.ts';
import { verifyAudit } from '../lib/audit/verify-audit.ts';
import type { ChainState } from './vault.ts';

// more than maintain leaves in a day, and read within a second
const maxAtOnce = 50_000;

/**
 * Verifies the audit: all rows, or those since `maintain` verified it last, of them the newest
 * 50 000. Throws `DatabaseError`.
 */
export async function chainState(
  connection: Connection,
  rows: 'since' | 'all',
): Promise<ChainState> {
  const checkpoint = await readCheckpoint(connection);
  const audit = storedAudit(connection);
  const newest = (await audit.readHead()).id - maxAtOnce + 1;
  const first = rows === 'all' ? 1 : Math.max(checkpoint?.id ?? 1, newest);
  // the checkpoint's own row is read too, and compared with the checkpoint
  const start = first <= 1 ? chainStart : startBefore(first);
  const known = checkpoint === null ? [] : [checkpoint];
  const { verified, head, findings } = await verifyAudit(audit, start, known);
  return {
    head: { id: head.id, hash: Buffer.from(head.hash ?? []).toString('hex') },
    from: start.id + 1,
    verified,
    findings,
    lastVerified: await readLastVerified(connection),
  };
}
