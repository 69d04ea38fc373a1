import { type AuditContext, headFields, type Recorded } from '../audit/entry.ts';
import { available, QuotaExceeded } from '../errors.ts';
import { type Log, loggingFailure } from '../log.ts';
import type { Metrics } from '../metrics.ts';

/** Decides on a request for these tokens by its limits, and records it; has committed on return. */
export type RecordRequest = (context: AuditContext, tokens: readonly string[]) => Promise<Recorded>;

/**
 * Has the request recorded in the audit, then does `work` with what was decided. Throws
 * `QuotaExceeded` when a limit leaves no room, `VaultUnavailable` when the audit cannot be written, and
 * what `work` throws; each is logged.
 */
export function audited<T>(
  name: 'reveal' | 'lookup' | 'erase',
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
    metrics.publish({ [denied.limit === 'cap' ? 'capped' : 'denied']: tokens.length });
    throw new QuotaExceeded(denied);
  });
}
