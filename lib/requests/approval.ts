import type { ChainPosition } from '../audit/chain.ts';
import {
  type ApprovalProblem,
  type AuditContext,
  headFields,
  type Principal,
  type RequestState,
} from '../audit/entry.ts';
import { ApprovalInvalid, available } from '../errors.ts';
import { type Log, loggingFailure } from '../log.ts';
import type { Notify } from '../notify.ts';

/** A request for a large reveal, without its tokens. Times are ISO 8601, UTC. */
export interface RevealRequest {
  id: string;
  /** Who the caller is, whatever session it calls from. */
  caller: string;
  requestedBy: string;
  reason: string;
  /** How many. */
  tokens: number;
  /** SHA-256 in hex, of what is approved. */
  digest: string;
  state: RequestState;
  requestedAt: string;
  /** Until when it can be approved. */
  expiresAt: string;
  decidedBy: string | null;
  /** Until when it can be used; null before it is approved. */
  usableUntil: string | null;
}

/** What the digest of a request is made of, besides what `RevealRequest` has. */
export interface RequestDetails {
  stage: string;
  expiresUs: string;
  tokens: string[];
}

/** A use of break-glass that nobody has acknowledged. */
export interface BreakGlassItem {
  id: string;
  caller: string;
  usedBy: string;
  reason: string;
  tokens: number;
  firstUsedAt: string;
  lastUsedAt: string;
}

/** A request that was made, or is open already: then nothing was recorded, and there is no head. */
export type Requested = { head: ChainPosition | null } & (
  | (Pick<RevealRequest, 'id' | 'state' | 'digest' | 'expiresAt'> & { problem: null })
  | { problem: ApprovalProblem }
);

export interface Withdrawal {
  item: string;
}

export interface Decision {
  item: string;
  /** That of the request as the approver was shown it. */
  digest: string;
  decision: 'approved' | 'refused';
}

export interface Acknowledgement {
  item: string;
  /** How many tokens the item had when the approver was shown it. */
  shown: number;
}

/** What became of an item, or why nothing did. */
export type Decided = { head: ChainPosition | null } & (
  | { state: 'approved' | 'refused' | 'withdrawn' | 'acknowledged'; tokens: number; problem: null }
  | { state: null; problem: ApprovalProblem }
);

/** The answer to whoever decided or withdrew something. */
export interface DecisionAnswer {
  requestId: string;
  principal: Principal;
  id: string;
  state: 'approved' | 'refused' | 'withdrawn' | 'acknowledged';
  tokens: number;
}

/** The answer to whoever requested an approval. */
export interface RequestAnswer {
  requestId: string;
  principal: Principal;
  approval: Pick<RevealRequest, 'id' | 'state' | 'digest' | 'expiresAt'> & { tokens: number };
}

/** What recording and telling of a request or decision needs. */
export interface ApprovalDeps {
  notify: Notify;
  log: Log;
}

/**
 * Requests somebody else's approval of a large reveal. Throws `ApprovalInvalid` where the caller cannot, and
 * `VaultUnavailable`.
 */
export function requestApproval(
  { tokens, reason }: { tokens: readonly string[]; reason: string },
  principal: Principal,
  requestId: string,
  deps: ApprovalDeps & {
    request: (context: AuditContext, tokens: readonly string[]) => Promise<Requested>;
  },
): Promise<RequestAnswer> {
  const context = { requestId, principal, reason };
  return loggingFailure(deps.log, 'approval failed', { requestId }, async () => {
    const made = await available('the audit', deps.request(context, tokens));
    if (made.problem !== null) throw new ApprovalInvalid(made.problem);
    const { id, state, digest, expiresAt } = made;
    await recorded(made.head, { requestId, state, id, tokens: tokens.length }, deps);
    return {
      requestId,
      principal,
      approval: { id, state, digest, expiresAt, tokens: tokens.length },
    };
  });
}

/**
 * Decides, withdraws or acknowledges an item. Throws `ApprovalInvalid` where that is not the caller's to do or is
 * too late, and `VaultUnavailable`.
 */
export function settle<Asked extends { item: string }>(
  asked: Asked,
  context: AuditContext,
  deps: ApprovalDeps & { settle: (context: AuditContext, asked: Asked) => Promise<Decided> },
): Promise<DecisionAnswer> {
  const { requestId, principal } = context;
  return loggingFailure(deps.log, 'approval failed', { requestId }, async () => {
    const made = await available('the audit', deps.settle(context, asked));
    if (made.problem !== null) {
      if (made.head !== null) logHead(deps.log, made.head, { requestId, outcome: 'denied' });
      throw new ApprovalInvalid(made.problem);
    }
    const { state, tokens } = made;
    await recorded(made.head, { requestId, state, id: asked.item, tokens }, deps);
    return { requestId, principal, id: asked.item, state, tokens };
  });
}

async function recorded(
  head: ChainPosition | null,
  {
    requestId,
    state,
    id,
    tokens,
  }: { requestId: string; state: string; id: string; tokens: number },
  { log, notify }: ApprovalDeps,
): Promise<void> {
  // nothing new
  if (head === null) return;
  logHead(log, head, { requestId, tokens, outcome: state });
  await notify({ event: state, id, tokens });
}

function logHead(
  log: Log,
  head: ChainPosition,
  fields: { requestId: string; tokens?: number; outcome: string },
): void {
  log.info('approval recorded', { ...fields, ...headFields(head) });
}
