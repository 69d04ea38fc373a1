import {
  type AuditRow,
  type ChainPosition,
  type ChainReport,
  chainStart,
  verifyChain,
} from './chain.ts';

/** The audit as the database holds it. All throw `DatabaseError`. */
export interface StoredAudit {
  /** The rows after this id, in order; without one from the lowest id there is. */
  read: (after?: number) => AsyncIterable<AuditRow>;
  /** The head that the database keeps beside the chain. */
  readHead: () => Promise<ChainPosition>;
  /** The lowest id there is; null while there are no rows. */
  readLowestId: () => Promise<number | null>;
  /** How many rows have an id up to this one. */
  count: (upTo: number) => Promise<number>;
}

/**
 * Verifies the audit after `start`, or all of it: that the rows form the chain, include what is
 * `known`, end where the database's own head says, and that no row has an id outside of 1 to that
 * head. Rows that are appended in the meantime do not matter. Throws `DatabaseError`.
 */
export async function verifyAudit(
  audit: StoredAudit,
  start: ChainReport['head'] = chainStart,
  known: readonly ChainPosition[] = [],
): Promise<ChainReport> {
  const isFull = start.id === 0;
  const head = await audit.readHead();
  const rows = audit.read(isFull ? undefined : start.id);
  const report = await verifyChain(rows, start, [...known, head]);
  const { findings } = report;
  const last = report.head.id;
  // only now: what is written meanwhile moves the head too, and in the same transaction
  const end = (await audit.readHead()).id;
  if (last > end) findings.push({ id: last, problem: `lies beyond the head of the chain, ${end}` });

  if (!isFull) {
    const lowest = (await audit.readLowestId()) ?? 1;
    if (lowest < 1)
      findings.unshift({ id: lowest, problem: 'has an id that the vault gives no row' });
    if (lowest > 1) findings.unshift({ id: 1, problem: 'is missing' });
  } else if (findings.length === 0) {
    const count = await audit.count(last);
    const problem = `ends a chain of ${count} rows: an id is there twice, or below 1`;
    if (count !== last) findings.push({ id: last, problem });
  }
  return report;
}
