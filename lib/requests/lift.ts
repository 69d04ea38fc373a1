import { encodePosition, type EncodedPosition } from '../audit/chain.ts';
import type { Principal } from '../audit/entry.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { audited, type RecordRequest } from './audited.ts';
import type { TokensRequest } from './request.ts';

/** What `lift` works with. */
export interface LiftDeps {
  /** Ends the suppression of values, and records that. */
  lift: RecordRequest;
  log: Log;
  metrics: Metrics;
}

/** Whose suppression ended, and the last of the audit rows that record it; the hash is SHA-256 in hex. */
export interface LiftResponse {
  requestId: string;
  principal: Principal;
  reason: string;
  lifted: string[];
  /** Tokens that were not suppressed. */
  missing: string[];
  audit: EncodedPosition;
}

/**
 * Ends the suppression of the tokens' values: the next login with one seals it again. Throws
 * `QuotaExceeded`, or `VaultUnavailable`.
 */
export function lift(
  { tokens, reason }: TokensRequest,
  principal: Principal,
  requestId: string,
  deps: LiftDeps,
): Promise<LiftResponse> {
  const context = { requestId, principal, reason };
  return audited('lift', deps.lift, context, tokens, deps, ({ outcomes, head }) => ({
    ...context,
    lifted: tokens.filter((token) => outcomes.get(token) === 'lifted'),
    missing: tokens.filter((token) => outcomes.get(token) !== 'lifted'),
    audit: encodePosition(head),
  }));
}
