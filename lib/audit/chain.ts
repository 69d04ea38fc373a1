import { createHash } from 'node:crypto';

/** A row of `reveal_audit` as the chain hashes it. */
export interface AuditRow {
  id: number;
  /** Microseconds since 1970, in decimal. */
  at: string;
  action: string;
  requestId: string;
  principal: string;
  principalSource: string;
  reason: string;
  token: string;
  outcome: string;
  previousHash: Uint8Array;
  hash: Uint8Array;
}

/** A row of the chain that is known from elsewhere: a log line, a certificate, a checkpoint, an anchor. */
export interface ChainPosition {
  id: number;
  hash: Uint8Array;
}

/** What verifying found: the first row at fault, or none and the last row. */
export interface ChainReport {
  verified: number;
  /** The last row that is right. */
  head: { id: number; hash: Uint8Array | null };
  broken: { id: number; problem: string } | null;
}

/** Before the first row: id 0 and a hash of zeros. */
export const chainStart: ChainPosition = { id: 0, hash: Buffer.alloc(32) };

/** Just before a known row, for verifying from its id on: it is then compared with what is known. */
export function before(id: number): { id: number; hash: null } {
  return { id: id - 1, hash: null };
}

/** SHA-256 of the row's content as netstrings, as `vault.audit_content` builds it. */
export function auditHash(row: AuditRow): Buffer {
  const hash = createHash('sha256');
  const fields = [
    String(row.id),
    row.at,
    row.action,
    row.requestId,
    row.principal,
    row.principalSource,
    row.reason,
    row.token,
    row.outcome,
    row.previousHash,
  ];
  for (const field of fields) {
    const bytes = Buffer.from(field);
    hash.update(`${bytes.length}:`).update(bytes).update(',');
  }
  return hash.digest();
}

/**
 * Recomputes the chain over `rows`, which follow `start` in the order of their ids, one row in
 * memory at a time. Each of the `known` rows after `start` must be there as it was.
 */
export async function verifyChain(
  rows: AsyncIterable<AuditRow>,
  start: ChainReport['head'] = chainStart,
  known: readonly ChainPosition[] = [],
): Promise<ChainReport> {
  let head = start;
  let verified = 0;
  const ahead = known.filter(({ id }) => id > start.id).toSorted((a, b) => b.id - a.id);
  const report = (id: number, problem: string) => ({ verified, head, broken: { id, problem } });

  for await (const row of rows) {
    if (row.id !== head.id + 1) return report(head.id + 1, 'is missing');
    if (head.hash !== null && !same(row.previousHash, head.hash)) {
      return report(row.id, 'does not follow the row before');
    }
    if (!same(row.hash, auditHash(row))) return report(row.id, 'was changed');
    while (ahead.at(-1)?.id === row.id) {
      if (!same(row.hash, ahead.pop()!.hash)) {
        return report(row.id, 'differs from what is known of it: the chain was computed anew');
      }
    }
    head = { id: row.id, hash: row.hash };
    verified += 1;
  }
  if (ahead.length > 0) return report(head.id + 1, 'is missing: the end of the chain was cut off');
  return { verified, head, broken: null };
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
