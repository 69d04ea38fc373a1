import { encodePosition, type EncodedPosition } from '../audit/chain.ts';
import type { Principal } from '../audit/entry.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { audited, type RecordRequest } from './audited.ts';
import { type MissingValue, whyMissing } from './missing.ts';
import { type Renamed, renamedOf } from './renamed.ts';
import type { TokensRequest } from './request.ts';

/** What `erase` works with. */
export interface EraseDeps {
  /** Deletes the values, suppresses them if told so, and records that, in one transaction. */
  erase: (
    ...request: [...Parameters<RecordRequest>, suppress: boolean]
  ) => ReturnType<RecordRequest>;
  log: Log;
  metrics: Metrics;
}

/**
 * The certificate of an erase: what, when, by whom, and the audit row that records it. With the
 * row's id and hash its owner can prove later that the audit was not rewritten.
 */
export interface EraseCertificate {
  requestId: string;
  principal: Principal;
  reason: string;
  erased: string[];
  missing: MissingValue[];
  /** Whether none of these values, erased or missing, is sealed again until `lift` allows it. */
  suppressed: boolean;
  /** The present names of tokens that were asked for under former ones, as the audit has them; left out if there are none. */
  renamed?: Renamed[] | undefined;
  /** ISO 8601, UTC. */
  erasedAt: string;
  /** The last of this request's audit rows; the hash is SHA-256 in hex. */
  audit: EncodedPosition;
}

/**
 * Deletes the sealed values of the tokens; the tokens in `user_logins` stay. With `suppress`, none of them is
 * sealed again until `lift` allows it. Throws `QuotaExceeded`, or `VaultUnavailable`: then nothing is erased, unless only the answer to the commit was lost. The
 * audit shows which.
 */
export async function erase(
  { tokens, reason }: TokensRequest,
  principal: Principal,
  requestId: string,
  deps: EraseDeps,
  suppress = false,
): Promise<EraseCertificate> {
  const context = { requestId, principal, reason };
  const record: RecordRequest = (...request) => deps.erase(...request, suppress);
  return audited('erase', record, context, tokens, deps, ({ outcomes, names, head, at }) => {
    const certificate: EraseCertificate = {
      ...context,
      erased: [],
      missing: [],
      suppressed: suppress,
      ...renamedOf(names),
      erasedAt: at,
      audit: encodePosition(head),
    };
    for (const token of tokens) {
      const outcome = outcomes.get(token);
      if (outcome === 'erased') certificate.erased.push(token);
      else certificate.missing.push({ token, why: whyMissing(outcome) });
    }
    deps.metrics.publish({ erased: certificate.erased.length });
    return certificate;
  });
}
