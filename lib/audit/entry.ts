import { type ChainPosition, encodePosition } from './chain.ts';

/** The caller: an identity that AWS verified (`iam`), or a name that the caller gave (`claimed`). */
export interface Principal {
  id: string;
  source: 'iam' | 'claimed';
}

/** The actions whose rows have no token, but a `detail` of what they are about. */
export const eventActions = [
  /** A large reveal was requested, decided or used. */
  'approval',
  /** Values were revealed by break-glass, or somebody else acknowledged that. */
  'break_glass',
  /** The token key was rotated. */
  'rotate',
  /** Values were deleted because of their age. */
  'expire',
  /** Addresses were opened, to write the tokens of their networks. */
  'networks',
] as const;

/** What an audit row is about: tokens, or an event. */
export const auditActions = [
  'reveal',
  'tokenize',
  'erase',
  ...eventActions,
  'suppress',
  'lift',
] as const;

export type AuditAction = (typeof auditActions)[number];

/** The states of a request for a large reveal; the first two are open. */
export const requestStates = [
  'requested',
  'approved',
  'refused',
  'expired',
  'withdrawn',
  'used',
] as const;

export type RequestState = (typeof requestStates)[number];

/** The outcome of a request for one token, or of an event. */
export const auditOutcomes = [
  /** Its sealed value was handed out to be opened. */
  'revealed',
  /** The vault does not hold it, and as far as it can tell never did. */
  'unknown',
  /** An erase removed it: this one or, for another action, an earlier one. */
  'erased',
  /** An erase found that an earlier one had removed it. */
  'already_erased',
  /** A limit left no room, or an approval was needed or not valid; nothing of the request was returned or done. */
  'denied',
  /** After `revealed`: its seal did not open; nothing of the request was returned. */
  'seal_broken',
  /** After `revealed`: it opened, but another token of the request did not; nothing was returned. */
  'withheld',
  /** After `revealed`: KMS did not answer; nothing of the request was returned. */
  'unavailable',
  /** A look-up found that the vault holds a value for it. */
  'held',
  /** Of `approval`: the new state of the request. Of other actions, `expired`: deleted because of its age. */
  ...requestStates,
  /** Of `rotate`: begun, and then taken back, or the tokens replaced and the former ones given up. */
  'begun',
  'aborted',
  'swapped',
  'finished',
  /** Of `break_glass`: somebody else has taken note. */
  'acknowledged',
  /** Its value is not sealed again: of `suppress`, from now on; of a reveal, since earlier. */
  'suppressed',
  /** Of `lift`: its value may be sealed again. */
  'lifted',
] as const;

export type AuditOutcome = (typeof auditOutcomes)[number];

/** What all rows of one request share. `requestId` is Lambda's. */
export interface AuditContext {
  requestId: string;
  principal: Principal;
  reason: string;
}

/** The hourly limit that a request exceeds: one caller's quota, or the cap of all callers together. */
export interface LimitReached {
  limit: 'quota' | 'cap';
  allowed: number;
  remaining: number;
  /** Null if it can never fit. */
  retryAt: Date | null;
}

/** A large reveal without an approval that is valid for it. */
export interface ApprovalMissing {
  limit: 'approval';
  /** The id of the request for an approval; null where none could be made. */
  item: string | null;
  /** Why there is none, or why the approval that was named is not valid for this reveal. */
  problem: ApprovalProblem | null;
}

/** Why something about an approval cannot be done; lib/errors.ts says it in words. */
export type ApprovalProblem =
  | RequestState
  | 'acknowledged'
  | 'different'
  | 'more_revealed'
  | 'no_person'
  | 'not_found'
  | 'off'
  | 'own'
  | 'too_many';

/** The decision on a request, recorded in a transaction that has committed. */
export interface Recorded {
  /** By token, in the order asked. */
  outcomes: ReadonlyMap<string, AuditOutcome>;
  /** The present name of each token: another one where it was asked for under a former token key. */
  names: ReadonlyMap<string, string>;
  denied: LimitReached | ApprovalMissing | null;
  /** The item of break-glass that somebody else has to acknowledge; null for every other request. */
  breakGlass: string | null;
  /** The last row of the audit chain. */
  head: ChainPosition;
  /** When it was recorded: ISO 8601, microseconds, UTC. */
  at: string;
}

/** Log fields that record the head of the chain: a chain that is rewritten later contradicts them. */
export function headFields(head: ChainPosition): { auditId: number; auditHash: string } {
  const { id, hash } = encodePosition(head);
  return { auditId: id, auditHash: hash };
}
