import type { AuditContext, Principal } from '../audit/entry.ts';
import { ApprovalInvalid, available } from '../errors.ts';
import {
  type Acknowledgement,
  type ApprovalDeps,
  type BreakGlassItem,
  type Decided,
  type Decision,
  type DecisionAnswer,
  type RequestDetails,
  type RevealRequest,
  settle,
} from './approval.ts';
import type { ApproverAction } from './approval-request.ts';

/** What an approver's work is done with. */
export interface DecideDeps extends ApprovalDeps {
  openRequests: () => Promise<RevealRequest[]>;
  openBreakGlass: () => Promise<BreakGlassItem[]>;
  /** Null where the request is not open. */
  details: (id: string) => Promise<RequestDetails | null>;
  decide: (context: AuditContext, decision: Decision) => Promise<Decided>;
  acknowledge: (context: AuditContext, item: Acknowledgement) => Promise<Decided>;
}

/** What waits for an approver. */
export interface OpenItems {
  requests: RevealRequest[];
  breakGlass: BreakGlassItem[];
}

/** All of an open request, its tokens included. */
export type ShownRequest = Omit<RevealRequest, 'tokens'> & RequestDetails;

/** Does what an approver asks for. Throws `ApprovalInvalid` and `VaultUnavailable`. */
export async function decide(
  asked: ApproverAction,
  principal: Principal,
  requestId: string,
  deps: DecideDeps,
): Promise<OpenItems | ShownRequest | DecisionAnswer> {
  if (asked.action === 'list') {
    return {
      requests: await available('the database', deps.openRequests()),
      breakGlass: await available('the database', deps.openBreakGlass()),
    };
  }
  if (asked.action === 'show') return show(asked.id, deps);
  const context = { requestId, principal, reason: asked.reason };
  if (asked.action === 'acknowledge') {
    return settle({ item: asked.id, shown: asked.shown }, context, {
      ...deps,
      settle: deps.acknowledge,
    });
  }
  const decision = asked.action === 'approve' ? 'approved' : 'refused';
  return settle({ item: asked.id, digest: asked.digest, decision }, context, {
    ...deps,
    settle: deps.decide,
  });
}

async function show(id: string, deps: DecideDeps): Promise<ShownRequest> {
  const requests = await available('the database', deps.openRequests());
  const request = requests.find((one) => one.id === id);
  const details = await available('the database', deps.details(id));
  if (request === undefined || details === null) throw new ApprovalInvalid('not_found');
  return { ...request, ...details };
}
