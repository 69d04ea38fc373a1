import type { AuditContext, Principal } from '../audit/entry.ts';
import { ApprovalRequired, available } from '../errors.ts';
import type { Notify } from '../notify.ts';
import {
  type Decided,
  type DecisionAnswer,
  type RequestAnswer,
  requestApproval,
  type Requested,
  type RevealRequest,
  settle,
  type Withdrawal,
} from './approval.ts';
import type { RevealAction } from './approval-request.ts';
import { reveal, type RevealDeps, type RevealResponse } from './reveal.ts';

/** What the URL of `reveal-url` works with. */
export interface RevealActionDeps extends RevealDeps {
  notify: Notify;
  request: (context: AuditContext, tokens: readonly string[]) => Promise<Requested>;
  withdraw: (context: AuditContext, item: Withdrawal) => Promise<Decided>;
  ownRequests: (context: AuditContext) => Promise<RevealRequest[]>;
}

/** Reveals tokens, or requests an approval for that, withdraws a request or lists the caller's. Throws what these throw. */
export async function revealAction(
  asked: RevealAction,
  principal: Principal,
  requestId: string,
  deps: RevealActionDeps,
): Promise<RevealResponse | RequestAnswer | DecisionAnswer | { requests: RevealRequest[] }> {
  // a list and a withdrawal have no reason of their own
  const context = { requestId, principal, reason: '' };
  if (asked.action === 'request') return requestApproval(asked, principal, requestId, deps);
  if (asked.action === 'withdraw') {
    return settle({ item: asked.id }, context, { ...deps, settle: deps.withdraw });
  }
  if (asked.action === 'list') {
    return { requests: await available('the database', deps.ownRequests(context)) };
  }
  try {
    return await reveal(asked, principal, requestId, deps);
  } catch (error) {
    if (error instanceof ApprovalRequired && error.id !== null) {
      await deps.notify({ event: 'requested', id: error.id, tokens: asked.tokens.length });
    }
    throw error;
  }
}
