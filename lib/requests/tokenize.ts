import type { Principal } from '../audit/entry.ts';
import type { Tokenizer } from '../crypto/token.ts';
import { available } from '../errors.ts';
import { type Log, loggingFailure } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { audited, type RecordRequest } from './audited.ts';
import type { ValuesRequest } from './request.ts';

/** What `tokenize` works with. */
export interface TokenizeDeps {
  tokenizer: () => Promise<Tokenizer>;
  /** Returns which tokens the vault holds a value for, and records the look-up. */
  lookUp: RecordRequest;
  log: Log;
  metrics: Metrics;
}

/** `tokens` are in the order of the values asked for. */
export interface TokenizeResponse {
  requestId: string;
  principal: Principal;
  tokens: { token: string; held: boolean }[];
}

/**
 * Returns the tokens of values, so that their logins can be found. Opens nothing. An audit row for
 * each token is committed first. Throws `QuotaExceeded` or `VaultUnavailable`.
 */
export async function tokenize(
  { kind, values, reason }: ValuesRequest,
  principal: Principal,
  requestId: string,
  deps: TokenizeDeps,
): Promise<TokenizeResponse> {
  const tokenizer = await loggingFailure(deps.log, 'lookup failed', { requestId }, () =>
    available('KMS', deps.tokenizer()),
  );
  const tokens = values.map((value) => tokenizer.token(kind, value));
  const distinct = [...new Set(tokens)];
  const context = { requestId, principal, reason };
  return audited('lookup', deps.lookUp, context, distinct, deps, ({ outcomes }) => {
    deps.metrics.publish({ lookedUp: distinct.length });
    return {
      requestId,
      principal,
      tokens: tokens.map((token) => ({ token, held: outcomes.get(token) === 'held' })),
    };
  });
}
