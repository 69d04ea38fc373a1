import type { Anchors } from './anchor.ts';
import type { AuditRow, ChainPosition } from './chain.ts';
import { before, chainStart, verifyChain } from './chain.ts';
import { asVaultError, AuditBroken, available } from '../errors.ts';
import { type Log, loggingFailure } from '../log.ts';
import type { Metrics } from '../metrics.ts';

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
  /** Heads that the database's owner cannot reach; null where the stage names no place for them. */
  anchors: Anchors | null;
  log: Log;
  metrics: Metrics;
}

export interface MaintainReport {
  pruned: number;
  verified: number;
  audit: { id: number; hash: string };
}

/**
 * The daily round: prunes the ledger, and verifies the audit chain since the row it verified last,
 * or all of it, against what is known of it here and in the anchors. Throws `AuditBroken` at the
 * first row at fault, `VaultUnavailable` where the database did not answer; and, with the rest
 * done, `AuditBucketError` where the anchors could not be read or kept.
 */
export async function maintain(parts: MaintainParts): Promise<MaintainReport> {
  return loggingFailure(parts.log, 'maintenance failed', {}, () => round(parts));
}

async function round(parts: MaintainParts): Promise<MaintainReport> {
  const pruned = await available('the database', parts.prune());
  // before the chain, which is then at least as long as what was anchored
  const [reading] = await Promise.allSettled([parts.anchors?.read() ?? []]);
  const anchored = reading.status === 'fulfilled' ? reading.value : [];
  const [checkpoint, current] = await available(
    'the database',
    Promise.all([parts.readCheckpoint(), parts.readHead()]),
  );
  const start = parts.isFull() ? chainStart : startOf(checkpoint, anchored);
  const known = [...anchored, ...(checkpoint === null ? [] : [checkpoint]), current];
  const { verified, head, broken } = await verifyChain(parts.readAudit(start.id), start, known);
  if (broken !== null) throw new AuditBroken(broken.id, broken.problem);

  const last = { id: head.id, hash: head.hash ?? chainStart.hash };
  let anchoring: PromiseSettledResult<unknown> = reading;
  if (verified > 0) {
    await available('the database', parts.addCheckpoint(last));
    // what was not compared with the anchors does not become one
    if (reading.status === 'fulfilled') {
      [anchoring] = await Promise.allSettled([parts.anchors?.keep(last)]);
    }
  }
  const audit = { id: last.id, hash: Buffer.from(last.hash).toString('hex') };
  parts.log.info('maintained', { pruned, verified, auditId: audit.id, auditHash: audit.hash });
  parts.metrics.publish({ pruned, verified });
  if (anchoring.status === 'rejected') throw asVaultError(anchoring.reason);
  return { pruned, verified, audit };
}

/**
 * From the row that was verified last, or from the newest anchor where that is older: a checkpoint
 * is no more than the database's word.
 */
function startOf(checkpoint: ChainPosition | null, anchored: readonly ChainPosition[]) {
  if (checkpoint === null) return chainStart;
  const newest = anchored.reduce((id, head) => Math.max(id, head.id), 0);
  return before(newest === 0 ? checkpoint.id : Math.min(checkpoint.id, newest));
}
