import { defaultProvider } from '@aws-sdk/credential-provider-node';

import type { PiiKind } from '../lib/pii-fields.ts';
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
  /** The stack's outputs RevealUrl, TokenizeUrl and EraseUrl. */
  urls: { reveal?: string; tokenize?: string; erase?: string };
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
 */
export interface VaultClient {
  reveal(tokens: readonly string[], reason: string): Promise<RevealResponse>;
  tokenize(kind: PiiKind, values: readonly string[], reason: string): Promise<TokenizeResponse>;
  erase(
    tokens: readonly string[],
    reason: string,
    options?: { suppress?: boolean },
  ): Promise<EraseCertificate>;
  lift(tokens: readonly string[], reason: string): Promise<LiftResponse>;
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
    reveal: async (tokens, reason) =>
      (await call('reveal', { tokens, reason }, passes)) as RevealResponse,
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
  };
}

function didNotRun(error: unknown): boolean {
  return error instanceof Throttled || (error instanceof VaultUnreachable && error.wasNotSent);
}

function passes(error: unknown): boolean {
  return didNotRun(error) || error instanceof VaultUnavailable || error instanceof VaultUnreachable;
}
