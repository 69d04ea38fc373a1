import type { Principal } from '../audit/entry.ts';
import type { TokenizerSource } from '../crypto/token.ts';
import { available, OtherGeneration } from '../errors.ts';
import { type Log, loggingFailure } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { audited, type RecordRequest } from './audited.ts';
import type { ValuesRequest } from './request.ts';

/** What `tokenize` works with. */
export interface TokenizeDeps {
  tokenizer: TokenizerSource;
  /**
   * Returns which tokens the vault holds a value for, and records the look-up. Throws `OtherGeneration`,
   * with nothing recorded, if they are not of the present generation.
   */
  lookUp: RecordRequest;
  /** The present generation of the token key. */
  generation: () => Promise<number>;
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
  const tokensOf = async (generation?: number) => {
    const tokenizer = await available('KMS', deps.tokenizer(generation));
    return values.map((value) => tokenizer.token(kind, value));
  };
  let tokens = await loggingFailure(deps.log, 'lookup failed', { requestId }, tokensOf);
  const lookUp: RecordRequest = async (recorded, distinct) => {
    try {
      return await deps.lookUp(recorded, distinct);
    } catch (error) {
      if (!(error instanceof OtherGeneration)) throw error;
      // the token key was replaced since this container asked for it
      tokens = await tokensOf(await deps.generation());
      return deps.lookUp(recorded, [...new Set(tokens)]);
    }
  };
  const context = { requestId, principal, reason };
  return audited('lookup', lookUp, context, [...new Set(tokens)], deps, ({ outcomes }) => {
    deps.metrics.publish({ lookedUp: outcomes.size });
    return {
      requestId,
      principal,
      tokens: tokens.map((token) => ({ token, held: outcomes.get(token) === 'held' })),
    };
  });
}
