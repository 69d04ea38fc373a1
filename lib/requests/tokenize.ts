import {
  type AuditContext,
  type AuditOutcome,
  headFields,
  type RecordOutcomes,
} from '../audit/entry.ts';
import { available } from '../errors.ts';
import { type Log, loggingFailure } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Principal } from '../audit/entry.ts';
import type { ValuesRequest } from './request.ts';
import type { Tokenizer } from '../crypto/token.ts';

/** What `tokenize` works with. */
export interface TokenizeParts {
  tokenizer: () => Promise<Tokenizer>;
  /** Which of the tokens the vault holds a value for. */
  held: (tokens: readonly string[]) => Promise<ReadonlySet<string>>;
  recordOutcomes: RecordOutcomes;
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
 * Finds the tokens of values, so that their logins can be looked up, without opening anything.
 * An audit row for each is committed first. Throws `VaultUnavailable`.
 */
export async function tokenize(
  request: ValuesRequest,
  principal: Principal,
  requestId: string,
  parts: TokenizeParts,
): Promise<TokenizeResponse> {
  return loggingFailure(parts.log, 'lookup failed', { requestId }, () =>
    lookUp(request, principal, requestId, parts),
  );
}

async function lookUp(
  { kind, values, reason }: ValuesRequest,
  principal: Principal,
  requestId: string,
  parts: TokenizeParts,
): Promise<TokenizeResponse> {
  const tokenizer = await available('KMS', parts.tokenizer());
  const tokens = values.map((value) => tokenizer.token(kind, value));
  const held = await available('the database', parts.held(tokens));
  const outcomes = new Map(
    tokens.map((token): [string, AuditOutcome] => [token, held.has(token) ? 'held' : 'unknown']),
  );
  const context: AuditContext = { action: 'tokenize', requestId, principal, reason };
  const head = await available('the audit', parts.recordOutcomes(context, outcomes));
  parts.log.info('lookup recorded', {
    requestId,
    tokens: outcomes.size,
    held: held.size,
    ...headFields(head),
  });
  parts.metrics.publish({ lookedUp: outcomes.size });
  return {
    requestId,
    principal,
    tokens: tokens.map((token) => ({ token, held: held.has(token) })),
  };
}
