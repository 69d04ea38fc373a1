/** Who asked: an identity that AWS verified (`iam`), or a name the caller gave (`claimed`). */
export interface Principal {
  id: string;
  source: 'iam' | 'claimed';
}

/** What an audit row says of one token. */
export type AuditOutcome =
  /** Its plaintext was returned. */
  | 'revealed'
  /** The vault never held it. */
  | 'unknown'
  /** An erase removed it: this one, or for another action one before. */
  | 'erased'
  /** An erase found that one before had removed it. */
  | 'already_erased'
  /** The quota was used up; nothing of the request was returned. */
  | 'denied'
  /** Its seal did not open; nothing of the request was returned. */
  | 'seal_broken'
  /** It could have been returned, but another token of the request could not. */
  | 'withheld'
  /** KMS did not answer; nothing of the request was returned. */
  | 'unavailable'
  /** A look-up found that the vault holds a value for it. */
  | 'held';

/** What the rows of one request have in common. `requestId` is Lambda's. */
export interface AuditContext {
  action: 'reveal' | 'tokenize' | 'erase';
  requestId: string;
  principal: Principal;
  reason: string;
}

/** The last row of the audit chain. */
export interface AuditHead {
  id: number;
  /** SHA-256, 32 bytes. */
  hash: Uint8Array;
  /** ISO 8601, microseconds, UTC. */
  at: string;
}

/** Records outcomes as they are: one audit row a token, committed before it returns. */
export type RecordOutcomes = (
  context: AuditContext,
  outcomes: ReadonlyMap<string, AuditOutcome>,
) => Promise<AuditHead>;

/** Fields by which a log line pins the chain as it was: a chain rewritten later contradicts it. */
export function headFields(head: AuditHead): { auditId: number; auditHash: string } {
  return { auditId: head.id, auditHash: Buffer.from(head.hash).toString('hex') };
}
