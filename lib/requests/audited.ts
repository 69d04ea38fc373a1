import {
  type ApprovalMissing,
  type AuditContext,
  headFields,
  type Recorded,
} from '../audit/entry.ts';
import { ApprovalInvalid, ApprovalRequired, available, QuotaExceeded } from '../errors.ts';
import { type Log, loggingFailure } from '../log.ts';
import type { Metrics } from '../metrics.ts';

/** Checks a request against its limits and records it, one audit row for each token. It has committed when it returns. */
export type RecordRequest = (context: AuditContext, tokens: readonly string[]) => Promise<Recorded>;

/**
 * Records the request in the audit, then does `work` with the decision. Throws `QuotaExceeded` if a
 * limit is reached, `ApprovalRequired` or
 * `ApprovalInvalid` for a large reveal without a valid approval, `VaultUnavailable` if the audit cannot be written, and what `work` throws. Each
 * error is logged.
 */
export function audited<T>(
  name: 'reveal' | 'lookup' | 'erase' | 'lift',
  record: RecordRequest,
  context: AuditContext,
  tokens: readonly string[],
  { log, metrics }: { log: Log; metrics: Metrics },
  work: (recorded: Recorded) => T | Promise<T>,
): Promise<T> {
  const { requestId } = context;
  return loggingFailure(log, `${name} failed`, { requestId }, async () => {
    const recorded = await available('the audit', record(context, tokens));
    const { denied } = recorded;
    log.info(`${name} recorded`, {
      requestId,
      tokens: tokens.length,
      outcome: denied === null ? 'answered' : 'denied',
      ...headFields(recorded.head),
    });
    if (denied === null) return work(recorded);
    if (denied.limit === 'approval') throw approvalError(denied);
    metrics.publish({ [denied.limit === 'cap' ? 'capped' : 'denied']: tokens.length });
    throw new QuotaExceeded(denied);
  });
}

/** The approval that was named is not valid, or none was named. */
function approvalError({ item, problem }: ApprovalMissing): ApprovalInvalid | ApprovalRequired {
  const isNamed = item !== null && problem !== null;
  return isNamed ? new ApprovalInvalid(problem) : new ApprovalRequired(item, problem);
}
