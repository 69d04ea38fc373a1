import {
  type AuditContext,
  type AuditHead,
  type AuditOutcome,
  headFields,
  type RecordOutcomes,
} from '../audit/entry.ts';
import type { OpeningKeys } from '../crypto/data-key.ts';
import { asVaultError, available, QuotaExceeded, SealBroken, VaultUnavailable } from '../errors.ts';
import type { WrappedDataKey } from '../crypto/kms.ts';
import { type Log, loggingFailure } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { PiiKind } from '../pii-fields.ts';
import type { Principal } from '../audit/entry.ts';
import type { TokensRequest } from './request.ts';
import { open } from '../crypto/seal.ts';

/** A row of `pii_vault` with its data key. */
export interface StoredValue {
  token: string;
  kind: PiiKind;
  ciphertext: Uint8Array;
  dataKey: WrappedDataKey;
}

/** How a reveal was recorded: what became of each token, and until when a denied caller waits. */
export interface RecordedReveal {
  outcomes: ReadonlyMap<string, AuditOutcome>;
  denied: { retryAt: Date | null } | null;
  head: AuditHead;
}

/** What `reveal` works with. Both records commit before they return. */
export interface RevealParts {
  read: (tokens: readonly string[]) => Promise<StoredValue[]>;
  keys: OpeningKeys;
  /** Tokens the caller may reveal an hour. */
  quota: number;
  /** Decides by the quota, and by which of the opened tokens are still held; records that. */
  record: (
    context: AuditContext,
    tokens: readonly string[],
    opened: ReadonlySet<string>,
    quota: number,
  ) => Promise<RecordedReveal>;
  recordOutcomes: RecordOutcomes;
  log: Log;
  metrics: Metrics;
}

export interface RevealResponse {
  requestId: string;
  principal: Principal;
  revealed: { token: string; kind: PiiKind; value: string }[];
  missing: { token: string; why: 'unknown' | 'erased' }[];
}

/**
 * Opens the values of the tokens, commits an audit row for each, and only then returns them, in
 * the order asked. All or nothing: throws `QuotaExceeded`, `SealBroken` or `VaultUnavailable`.
 */
export async function reveal(
  request: TokensRequest,
  principal: Principal,
  requestId: string,
  parts: RevealParts,
): Promise<RevealResponse> {
  return loggingFailure(parts.log, 'reveal failed', { requestId }, () =>
    openAndRecord(request, principal, requestId, parts),
  );
}

async function openAndRecord(
  { tokens, reason }: TokensRequest,
  principal: Principal,
  requestId: string,
  parts: RevealParts,
): Promise<RevealResponse> {
  const context: AuditContext = { action: 'reveal', requestId, principal, reason };
  const stored = await available('the database', parts.read(tokens));
  const opened = await openAll(stored, context, tokens, parts);
  const recorded = await available(
    'the audit',
    parts.record(context, tokens, new Set(opened.keys()), parts.quota),
  );

  parts.log.info('reveal recorded', {
    requestId,
    tokens: tokens.length,
    outcome: recorded.denied === null ? 'answered' : 'denied',
    ...headFields(recorded.head),
  });
  if (recorded.denied !== null) {
    parts.metrics.publish({ denied: tokens.length });
    throw new QuotaExceeded(parts.quota, recorded.denied.retryAt);
  }
  const response = answer(requestId, principal, tokens, opened, recorded.outcomes);
  parts.metrics.publish({ revealed: response.revealed.length });
  return response;
}

type Opened = ReadonlyMap<string, { kind: PiiKind; value: string }>;

async function openAll(
  stored: readonly StoredValue[],
  context: AuditContext,
  tokens: readonly string[],
  parts: RevealParts,
): Promise<Opened> {
  const opened = new Map<string, { kind: PiiKind; value: string }>();
  const faults = new Map<string, SealBroken | VaultUnavailable>();
  await Promise.all(
    stored.map(async ({ token, kind, ciphertext, dataKey }) => {
      try {
        const key = await parts.keys.open(dataKey);
        opened.set(token, {
          kind,
          value: open(key, { kind, token, dataKeyId: dataKey.id }, ciphertext),
        });
      } catch (error) {
        faults.set(
          token,
          error instanceof SealBroken ? error : new VaultUnavailable('KMS', asVaultError(error)),
        );
      }
    }),
  );
  if (faults.size === 0) return opened;

  const outcomes = tokens.map((token): [string, AuditOutcome] => {
    const fault = faults.get(token);
    if (fault === undefined) return [token, opened.has(token) ? 'withheld' : 'unknown'];
    return [token, fault instanceof SealBroken ? 'seal_broken' : 'unavailable'];
  });
  const head = await available('the audit', parts.recordOutcomes(context, new Map(outcomes)));
  const all = [...faults.values()];
  const worst = all.find((fault) => fault instanceof SealBroken) ?? all[0]!;
  parts.log.info('reveal recorded', {
    requestId: context.requestId,
    tokens: tokens.length,
    outcome: 'failed',
    ...headFields(head),
  });
  throw worst;
}

function answer(
  requestId: string,
  principal: Principal,
  tokens: readonly string[],
  opened: Opened,
  outcomes: ReadonlyMap<string, AuditOutcome>,
): RevealResponse {
  const response: RevealResponse = { requestId, principal, revealed: [], missing: [] };
  for (const token of tokens) {
    const value = opened.get(token);
    const outcome = outcomes.get(token);
    if (outcome === 'revealed' && value !== undefined) response.revealed.push({ token, ...value });
    else response.missing.push({ token, why: outcome === 'erased' ? 'erased' : 'unknown' });
  }
  return response;
}
