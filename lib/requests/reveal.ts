import type { ChainPosition } from '../audit/chain.ts';
import {
  type AuditContext,
  type AuditOutcome,
  headFields,
  type Principal,
} from '../audit/entry.ts';
import type { OpeningKeys } from '../crypto/data-key.ts';
import type { WrappedDataKey } from '../crypto/kms.ts';
import { open } from '../crypto/seal.ts';
import { asVaultError, available, SealBroken, VaultUnavailable } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Notify } from '../notify.ts';
import type { PiiKind } from '../pii-fields.ts';
import { audited, type RecordRequest } from './audited.ts';
import { type MissingValue, whyMissing } from './missing.ts';
import { type Renamed, renamedOf } from './renamed.ts';
import type { TokensRequest } from './request.ts';

/** A row of `pii_vault` with its data key. */
export interface StoredValue {
  /** The token as the claim named it: another one than the present name if the token key was replaced since. */
  claimed: string;
  token: string;
  kind: PiiKind;
  ciphertext: Uint8Array;
  dataKey: WrappedDataKey;
}

/** What `reveal` works with. */
export interface RevealDeps {
  /** Decides what may be revealed, by an approved request if one is named, and commits the record. */
  claim: (
    context: AuditContext,
    tokens: readonly string[],
    approval: string | null,
  ) => ReturnType<RecordRequest>;
  /** The sealed values of a committed claim, once. */
  take: (requestId: string) => Promise<StoredValue[]>;
  keys: OpeningKeys;
  /** Records why taken values were not returned; has committed when it returns. */
  reportFault: (
    requestId: string,
    outcomes: ReadonlyMap<string, AuditOutcome>,
  ) => Promise<ChainPosition>;
  /** Tells of a use of break-glass; not where a caller only claims who it is. */
  notify?: Notify;
  log: Log;
  metrics: Metrics;
}

export interface RevealResponse {
  requestId: string;
  principal: Principal;
  revealed: { token: string; kind: PiiKind; value: string }[];
  missing: MissingValue[];
  /** The present names of tokens that were asked for under former ones; left out if there are none. */
  renamed?: Renamed[] | undefined;
}

/**
 * Claims the tokens, which commits their audit rows. Only then takes their sealed values, opens them
 * and returns them in the order asked. All or nothing: throws `QuotaExceeded`, `ApprovalRequired`,
 * `ApprovalInvalid`, `SealBroken` or `VaultUnavailable`.
 */
export async function reveal(
  { tokens, reason, approval = null }: TokensRequest & { approval?: string | null },
  principal: Principal,
  requestId: string,
  deps: RevealDeps,
): Promise<RevealResponse> {
  const context = { requestId, principal, reason };
  const claim: RecordRequest = (...request) => deps.claim(...request, approval);
  return audited(
    'reveal',
    claim,
    context,
    tokens,
    deps,
    async ({ outcomes, names, breakGlass }) => {
      if (breakGlass !== null) {
        deps.metrics.publish({ breakGlass: tokens.length });
        await deps.notify?.({ event: 'break_glass', id: breakGlass, tokens: tokens.length });
      }
      const isHeld = [...outcomes.values()].includes('revealed');
      const values = isHeld ? await available('the database', deps.take(requestId)) : [];
      const opened = await openAll(values, requestId, deps);
      const response = answer(context, tokens, opened, outcomes, names);
      deps.metrics.publish({ revealed: response.revealed.length });
      return response;
    },
  );
}

type Opened = ReadonlyMap<string, { kind: PiiKind; value: string }>;

async function openAll(
  values: readonly StoredValue[],
  requestId: string,
  deps: RevealDeps,
): Promise<Opened> {
  const opened = new Map<string, { kind: PiiKind; value: string }>();
  const faults = new Map<string, SealBroken | VaultUnavailable>();
  // those of one data key follow one another, so that each key is opened once, however many there are
  const byKey = values.toSorted((a, b) => (a.dataKey.id < b.dataKey.id ? -1 : 1));
  await Promise.all(
    byKey.map(async ({ claimed, token, kind, ciphertext, dataKey }) => {
      try {
        const key = await deps.keys.open(dataKey);
        const place = { kind, token, dataKeyId: dataKey.id };
        opened.set(claimed, { kind, value: open(key, place, ciphertext) });
      } catch (error) {
        faults.set(
          claimed,
          error instanceof SealBroken ? error : new VaultUnavailable('KMS', asVaultError(error)),
        );
      }
    }),
  );
  if (faults.size === 0) return opened;

  const outcomes = values.map(({ claimed }): [string, AuditOutcome] => {
    const fault = faults.get(claimed);
    if (fault === undefined) return [claimed, 'withheld'];
    return [claimed, fault instanceof SealBroken ? 'seal_broken' : 'unavailable'];
  });
  const head = await available('the audit', deps.reportFault(requestId, new Map(outcomes)));
  deps.log.info('reveal recorded', {
    requestId,
    tokens: values.length,
    outcome: 'failed',
    ...headFields(head),
  });
  const all = [...faults.values()];
  throw all.find((fault) => fault instanceof SealBroken) ?? all[0]!;
}

function answer(
  { requestId, principal }: AuditContext,
  tokens: readonly string[],
  opened: Opened,
  outcomes: ReadonlyMap<string, AuditOutcome>,
  names: ReadonlyMap<string, string>,
): RevealResponse {
  const response: RevealResponse = {
    requestId,
    principal,
    revealed: [],
    missing: [],
    ...renamedOf(names),
  };
  for (const token of tokens) {
    const value = opened.get(names.get(token) ?? token);
    if (value !== undefined) response.revealed.push({ token, ...value });
    else response.missing.push({ token, why: whyMissing(outcomes.get(token)) });
  }
  return response;
}
