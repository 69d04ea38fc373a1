import { defaultProvider } from '@aws-sdk/credential-provider-node';

import type { PiiKind } from '../lib/pii-fields.ts';
import type { DecisionAnswer, RequestAnswer, RevealRequest } from '../lib/requests/approval.ts';
import type { OpenItems, ShownRequest } from '../lib/requests/decide.ts';
import type { EraseCertificate } from '../lib/requests/erase.ts';
import type { LiftResponse } from '../lib/requests/lift.ts';
import type { RevealResponse } from '../lib/requests/reveal.ts';
import type { TokenizeResponse } from '../lib/requests/tokenize.ts';
import { readAnswer } from './answer.ts';
import { InvalidUrl, Throttled, VaultUnavailable, VaultUnreachable } from './errors.ts';
import { readFunctionUrl } from './function-url.ts';
import { type RetryOptions, retrying } from './retry.ts';
import { type Signing, signedPost } from './signed-post.ts';

/** What a client needs to know; only the URLs that it will call. */
export interface VaultClientOptions {
  /** The stack's outputs RevealUrl, TokenizeUrl, EraseUrl, ApproveUrl and BreakGlassUrl. */
  urls: {
    reveal?: string;
    tokenize?: string;
    erase?: string;
    approve?: string;
    'break-glass'?: string;
  };
  /** Who calls. By default the SDK's usual sources: environment, profile, SSO, the host's role. */
  credentials?: Signing['credentials'];
  /** An emulator's AWS_ENDPOINT_URL, in place of the URLs' own hosts. */
  endpoint?: string;
  retry?: RetryOptions;
  /** For one attempt. */
  timeoutMs?: number;
}

/**
 * The vault as people and services call it. Each method throws a `VaultCallError`.
 *
 * `reveal` and `tokenize` are repeated after a fault that passes; every attempt that reached the
 * vault has its own audit rows and counts towards the limits. `erase` is repeated only when the
 * function certainly did not run: its certificate names what this very request erased, and a
 * second one would say "erased before" of the same tokens. The same holds for `lift`, which ends what
 * `erase` with `suppress` began: that a value is never sealed again.
 * And for what can be done only once: decisions, withdrawals, and a reveal with an approval.
 */
export interface VaultClient {
  /** With the id of an approved request, up to 10 000 tokens: once, exactly those of the request and its reason. */
  reveal(tokens: readonly string[], reason: string, approval?: string): Promise<RevealResponse>;
  tokenize(kind: PiiKind, values: readonly string[], reason: string): Promise<TokenizeResponse>;
  erase(
    tokens: readonly string[],
    reason: string,
    options?: { suppress?: boolean },
  ): Promise<EraseCertificate>;
  lift(tokens: readonly string[], reason: string): Promise<LiftResponse>;
  /** Requests somebody else's approval of a reveal; the same again is the same request. */
  request(tokens: readonly string[], reason: string): Promise<RequestAnswer>;
  withdraw(id: string): Promise<DecisionAnswer>;
  /** The caller's own requests, the newest first. */
  ownRequests(): Promise<RevealRequest[]>;
  /** What waits for an approver. */
  openItems(): Promise<OpenItems>;
  showRequest(id: string): Promise<ShownRequest>;
  /** `digest` is that of the request as it was shown. */
  decide(
    action: 'approve' | 'refuse',
    request: { id: string; digest: string },
    reason: string,
  ): Promise<DecisionAnswer>;
  /** Closes an item of break-glass, if it still has the number of tokens that was shown. */
  acknowledge(item: { id: string; tokens: number }, reason: string): Promise<DecisionAnswer>;
  /** Reveals in an emergency without an approval, which alarms the operators. */
  breakGlass(tokens: readonly string[], reason: string): Promise<RevealResponse>;
}

/** Makes a client; nothing is sent yet. */
export function createVaultClient({
  urls,
  credentials = defaultProvider(),
  endpoint,
  retry = { attempts: 3, baseDelayMs: 200 },
  timeoutMs,
}: VaultClientOptions): VaultClient {
  const call = async (
    name: keyof typeof urls,
    request: object,
    mayRepeat: (error: unknown) => boolean,
  ) => {
    const text = urls[name];
    if (text === undefined) throw new InvalidUrl(`the client was made without the URL of ${name}`);
    const { url, region } = readFunctionUrl(text, endpoint);
    const signing = { service: 'lambda', region, credentials };
    const options = timeoutMs === undefined ? {} : { timeoutMs };
    return retrying(retry, mayRepeat, async () =>
      readAnswer(await signedPost(url, JSON.stringify(request), signing, options)),
    );
  };
  return {
    reveal: async (tokens, reason, approval) =>
      (await call(
        'reveal',
        { tokens, reason, approval },
        approval === undefined ? passes : didNotRun,
      )) as RevealResponse,
    tokenize: async (kind, values, reason) =>
      (await call('tokenize', { kind, values, reason }, passes)) as TokenizeResponse,
    erase: async (tokens, reason, { suppress = false } = {}) =>
      (await call(
        'erase',
        { tokens, reason, ...(suppress && { suppress }) },
        didNotRun,
      )) as EraseCertificate,
    lift: async (tokens, reason) =>
      (await call('erase', { tokens, reason, lift: true }, didNotRun)) as LiftResponse,
    request: async (tokens, reason) =>
      (await call('reveal', { action: 'request', tokens, reason }, passes)) as RequestAnswer,
    withdraw: async (id) =>
      (await call('reveal', { action: 'withdraw', id }, didNotRun)) as DecisionAnswer,
    ownRequests: async () =>
      ((await call('reveal', { action: 'list' }, passes)) as { requests: RevealRequest[] })
        .requests,
    openItems: async () => (await call('approve', { action: 'list' }, passes)) as OpenItems,
    showRequest: async (id) =>
      (await call('approve', { action: 'show', id }, passes)) as ShownRequest,
    decide: async (action, { id, digest }, reason) =>
      (await call('approve', { action, id, digest, reason }, didNotRun)) as DecisionAnswer,
    acknowledge: async ({ id, tokens }, reason) =>
      (await call(
        'approve',
        { action: 'acknowledge', id, shown: tokens, reason },
        didNotRun,
      )) as DecisionAnswer,
    breakGlass: async (tokens, reason) =>
      (await call('break-glass', { tokens, reason }, passes)) as RevealResponse,
  };
}

function didNotRun(error: unknown): boolean {
  return error instanceof Throttled || (error instanceof VaultUnreachable && error.wasNotSent);
}

function passes(error: unknown): boolean {
  return didNotRun(error) || error instanceof VaultUnavailable || error instanceof VaultUnreachable;
}
