import type { DataKey, SealingKeys } from '../crypto/data-key.ts';
import type { LoginEvent } from './login-event.ts';
import { perKind, type PiiKind, piiKinds } from '../pii-fields.ts';
import { seal } from '../crypto/seal.ts';
import type { NetworkTokens, Tokenizer } from '../crypto/token.ts';

/**
 * A login and its SQS message. `sentOn` is the UTC day on which SQS received the message, `YYYY-MM-DD`;
 * `resentOn` is that of the copy that was received, if it was sent again.
 */
export interface ReceivedLogin {
  messageId: string;
  sentOn: string;
  resentOn: string | null;
  event: LoginEvent;
}

/** A row of `user_logins`, and its message. */
export interface MaskedLogin {
  messageId: string;
  sentOn: string;
  resentOn: string | null;
  userId: string;
  deviceType: string;
  tokens: Record<PiiKind, string | null>;
  locale: string | null;
  appVersion: number;
}

/** A row of `pii_vault`. */
export interface SealedValue {
  token: string;
  kind: PiiKind;
  ciphertext: Uint8Array;
}

/** A row of `ip_networks`. */
export interface MaskedNetworks {
  maskedIp: string;
  tokens: NetworkTokens;
}

/**
 * What one statement writes. `unsealed` are the tokens whose values the vault is said to hold;
 * `dataKey` is null if nothing was sealed. `networks` are those of the sealed addresses, if they are wanted.
 */
export interface MaskedBatch {
  /** Of all tokens in it. */
  generation: number;
  logins: MaskedLogin[];
  sealed: SealedValue[];
  unsealed: string[];
  networks: MaskedNetworks[];
  dataKey: Omit<DataKey, 'key'> | null;
}

/** Replaces personal fields by tokens, and seals each distinct value once, except of tokens that `isHeld`. */
export async function maskLogins(
  logins: readonly ReceivedLogin[],
  tokenizer: Tokenizer,
  keys: SealingKeys,
  isHeld: (token: string) => boolean = () => false,
  writesNetworks = false,
): Promise<MaskedBatch> {
  const values = perKind(() => new Map<string, string>());
  const tokenOf = (kind: PiiKind, value: string | null): string | null => {
    if (value === null) return null;
    const known = values[kind].get(value);
    if (known !== undefined) return known;
    const token = tokenizer.token(kind, value);
    values[kind].set(value, token);
    return token;
  };

  const masked = logins.map(({ messageId, sentOn, resentOn, event }) => ({
    messageId,
    sentOn,
    resentOn,
    userId: event.userId,
    deviceType: event.deviceType,
    tokens: perKind(({ kind }) => tokenOf(kind, event.pii[kind])),
    locale: event.locale,
    appVersion: event.appVersion,
  }));
  const unsealed: string[] = [];
  const toSeal: { kind: PiiKind; token: string; value: string }[] = [];
  for (const kind of piiKinds) {
    for (const [value, token] of values[kind]) {
      if (isHeld(token)) unsealed.push(token);
      else toSeal.push({ kind, token, value });
    }
  }
  const { generation } = tokenizer;
  if (toSeal.length === 0) {
    return { generation, logins: masked, sealed: [], unsealed, networks: [], dataKey: null };
  }

  const { key, ...dataKey } = await keys.take(toSeal.length);
  const sealed = toSeal.map(({ kind, token, value }) => ({
    token,
    kind,
    ciphertext: seal(key, { kind, token, dataKeyId: dataKey.id }, value),
  }));
  const networks = toSeal
    .filter(({ kind }) => writesNetworks && kind === 'ip')
    .map(({ token, value }) => ({ maskedIp: token, tokens: tokenizer.networks(value) }));
  return { generation, logins: masked, sealed, unsealed, networks, dataKey };
}
