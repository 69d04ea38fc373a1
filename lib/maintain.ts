import type { AuditRow, ChainPosition } from './audit-chain.ts';
import { before, chainStart, verifyChain } from './audit-chain.ts';
import { AuditBroken, available } from './errors.ts';
import { type Log, loggingFailure } from './log.ts';
import type { Metrics } from './metrics.ts';

/** What `maintain` works with. */
export interface MaintainParts {
  /** Deletes the ledger's rows that SQS cannot deliver again; returns how many. */
  prune: () => Promise<number>;
  readAudit: (after: number) => AsyncIterable<AuditRow>;
  /** The head that the database keeps beside the chain. */
  readHead: () => Promise<ChainPosition>;
  /** Whether this round verifies the whole chain, not only what was added since. */
  isFull: () => boolean;
  /** Up to where the chain was verified last; null when it never was. */
  readCheckpoint: () => Promise<ChainPosition | null>;
  addCheckpoint: (head: ChainPosition) => Promise<void>;
  /** Puts the head where nobody can change it; null where the stage names no such place. */
  anchor: ((head: ChainPosition) => Promise<void>) | null;
  log: Log;
  metrics: Metrics;
}

export interface MaintainReport {
  pruned: number;
  verified: number;
  audit: { id: number; hash: string };
}

/**
 * The daily round: prunes the ledger, and verifies the audit chain since the row it verified
 * last, or all of it. Throws `AuditBroken` at the first row at fault, `VaultUnavailable` for passing faults.
 */
export async function maintain(parts: MaintainParts): Promise<MaintainReport> {
  return loggingFailure(parts.log, 'maintenance failed', {}, () => round(parts));
}

async function round(parts: MaintainParts): Promise<MaintainReport> {
  const pruned = await available('the database', parts.prune());
  const [checkpoint, current] = await available(
    'the database',
    Promise.all([parts.readCheckpoint(), parts.readHead()]),
  );
  const start = checkpoint === null || parts.isFull() ? chainStart : before(checkpoint);
  const known = checkpoint === null ? [current] : [checkpoint, current];
  const { verified, head, broken } = await verifyChain(parts.readAudit(start.id), start, known);
  if (broken !== null) throw new AuditBroken(broken.id, broken.problem);

  const hash = head.hash ?? chainStart.hash;
  if (verified > 0) {
    await available('the database', parts.addCheckpoint({ id: head.id, hash }));
    if (parts.anchor !== null) await available('the anchor', parts.anchor({ id: head.id, hash }));
  }
  const audit = { id: head.id, hash: Buffer.from(hash).toString('hex') };
  parts.log.info('maintained', { pruned, verified, auditId: audit.id, auditHash: audit.hash });
  parts.metrics.publish({ pruned, verified });
  return { pruned, verified, audit };
}
