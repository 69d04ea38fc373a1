import { createHash } from 'node:crypto';

/** A row of `reveal_audit` as the chain hashes it; a column that could not be read is empty. */
export interface AuditRow {
  id: number;
  /** Microseconds since 1970, in decimal. */
  at: string;
  action: string;
  requestId: string;
  principal: string;
  principalSource: string;
  reason: string;
  /** Null in the row of an event. */
  token: string | null;
  outcome: string;
  /** What an event is about, as JSON; null in other rows. */
  detail: string | null;
  previousHash: Uint8Array;
  hash: Uint8Array;
  /** The first column that is missing, infinite or longer than the vault writes; null where all can be read. */
  unreadable: string | null;
}

/** A row of the chain that is known from elsewhere: a log line, a certificate, a checkpoint, an anchor. */
export interface ChainPosition {
  id: number;
  hash: Uint8Array;
}

/** A position as certificates, manifests and anchors hold it: its hash in hexadecimal digits. */
export interface EncodedPosition {
  id: number;
  hash: string;
}

/** The position in that form; an empty hash where it could not be read. */
export function encodePosition({ id, hash }: ChainReport['head']): EncodedPosition {
  return { id, hash: Buffer.from(hash ?? []).toString('hex') };
}

export function decodePosition({ id, hash }: EncodedPosition): ChainPosition {
  return { id, hash: Buffer.from(hash, 'hex') };
}

/** What is wrong with one row. */
export interface ChainFinding {
  id: number;
  problem: string;
}

/** What verifying found. */
export interface ChainReport {
  /** How many rows are right. */
  verified: number;
  /** The last row that was read; without a hash where that could not be read. */
  head: { id: number; hash: Uint8Array | null };
  /** In the order of the chain, the first 20; none where the chain is right. */
  findings: ChainFinding[];
}

const maxFindings = 20;

/** Before the first row: id 0 and a hash of zeros. */
export const chainStart: ChainPosition = { id: 0, hash: Buffer.alloc(32) };

/** Just before a known row, for verifying from its id on: it is then compared with what is known. */
export function startBefore(id: number): { id: number; hash: null } {
  return { id: id - 1, hash: null };
}

/** SHA-256 of the row's content, in the form that db/functions/audit_content.sql describes. */
function auditHash(row: AuditRow): Buffer {
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
    ...(row.detail === null ? [] : [row.detail]),
  ];
  for (const field of fields) {
    if (field === null) {
      hash.update('-,');
      continue;
    }
    const bytes = Buffer.from(field);
    hash.update(`${bytes.length}:`).update(bytes).update(',');
  }
  return hash.digest();
}

/**
 * Recomputes the chain over `rows`, which follow `start` in the order of their ids, one row in
 * memory at a time. Each of the `known` rows after `start` must be there as it was. A row at fault
 * does not hide what comes after it: each row is compared with the row before as that one is now.
 */
export async function verifyChain(
  rows: AsyncIterable<AuditRow>,
  start: ChainReport['head'] = chainStart,
  known: readonly ChainPosition[] = [],
): Promise<ChainReport> {
  const report: ChainReport = { verified: 0, head: start, findings: [] };
  const find = (id: number, problem: string) => report.findings.push({ id, problem });
  const ahead = known.filter(({ id }) => id > start.id).toSorted((a, b) => b.id - a.id);

  for await (const row of rows) {
    if (report.findings.length >= maxFindings) return report;
    const next = report.head.id + 1;
    if (row.id < next) {
      find(row.id, row.id < 1 ? 'has an id that the vault gives no row' : 'is there twice');
      continue;
    }
    if (row.id > next) find(next, 'is missing');
    const expected = [];
    while (ahead.length > 0 && ahead.at(-1)!.id <= row.id) expected.push(ahead.pop()!);
    const problem = problemOf(row, row.id > next ? null : report.head.hash, expected);
    if (problem === null) report.verified += 1;
    else find(row.id, problem);
    report.head = { id: row.id, hash: row.unreadable === null ? row.hash : null };
  }
  if (ahead.length > 0) find(report.head.id + 1, 'is missing: the end of the chain was cut off');
  return report;
}

function problemOf(
  row: AuditRow,
  previousHash: Uint8Array | null,
  known: readonly ChainPosition[],
): string | null {
  if (row.unreadable !== null) {
    return `cannot be read: its ${row.unreadable} is missing, infinite or longer than the vault writes`;
  }
  if (previousHash !== null && !same(row.previousHash, previousHash)) {
    return 'does not follow the row before';
  }
  if (!same(row.hash, auditHash(row))) return 'was changed';
  const differs = known.some(({ id, hash }) => id === row.id && !same(row.hash, hash));
  return differs ? 'differs from what is known of it: the chain was computed anew' : null;
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
