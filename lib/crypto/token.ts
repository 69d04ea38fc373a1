import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';

import { KeyServiceError } from '../errors.ts';
import type { TokenRootService } from './kms.ts';
import { networksOf } from './network.ts';
import { perKind, type PiiKind, piiKinds } from '../pii-fields.ts';

// of the derivation, which all generations of the key share
const scheme = 'v1';
const tokenCharacters = 27;
// the last of 27 characters has 4 bits of the 160: only one spelling of it is a token
const pattern = new RegExp(
  `^(${piiKinds.join('|')})_v([1-9][0-9]{0,5})_[A-Za-z0-9_-]{26}[AEIMQUYcgkosw048]$`,
);

// the last character of 20 bytes in base64url: in a longer text it has two bits of the next byte, too
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const ends = new Map(
  Array.from(alphabet, (character, bits) => [character, alphabet[bits & 0b111100]!]),
);

/** Derives tokens. It holds one HMAC key for each kind, and never prints them. */
export interface Tokenizer {
  /** The generation of the token key, which every token names. */
  generation: number;
  /**
   * The token of a canonical value: HMAC-SHA-256 (FIPS 198-1), the first 20 bytes in base64url
   * after the kind and the generation. Equal values of one kind have equal tokens.
   */
  token(kind: PiiKind, canonicalValue: string): string;
  /**
   * The tokens of the networks that a canonical address is in, under a key of their own and with the
   * length of the prefix in the MAC: they are equal for addresses of one network, and tell no more.
   */
  networks(canonicalAddress: string): NetworkTokens;
}

/** The token of an address's IPv4 /24 or IPv6 /48, and of its IPv6 /64, which IPv4 has none of. */
export interface NetworkTokens {
  network: string;
  subnet: string | null;
}

/**
 * A tokenizer under `root` (32 bytes), with one key per kind by HKDF-SHA-256 (RFC 5869).
 * The root is zeroed: the caller cannot use it again.
 */
export function createTokenizer(root: Uint8Array, generation = 1): Tokenizer {
  const keys = perKind(({ kind }) => deriveKey(root, `token/${scheme}/${kind}`));
  const networkKey = deriveKey(root, `network/${scheme}`);
  root.fill(0);
  const tokenUnder = (key: KeyObject, name: string, text: string): string => {
    // as text, which needs no buffer for each MAC: that took a third of the time of a token
    const mac = createHmac('sha256', key).update(text, 'utf8').digest('base64url');
    const end = mac[tokenCharacters - 1]!;
    return `${name}_v${generation}_${mac.slice(0, tokenCharacters - 1)}${ends.get(end)!}`;
  };
  return {
    generation,
    token: (kind, canonicalValue) => tokenUnder(keys[kind], kind, canonicalValue),
    networks: (canonicalAddress) => {
      const { network, subnet } = networksOf(canonicalAddress);
      return {
        network: tokenUnder(networkKey, 'ip_network', network),
        subnet: subnet === null ? null : tokenUnder(networkKey, 'ip_subnet', subnet),
      };
    },
  };
}

/** How many characters a token of the kind has. */
export function tokenLength(kind: PiiKind, generation = 1): number {
  return `${kind}_v${generation}_`.length + tokenCharacters;
}

function deriveKey(root: Uint8Array, label: string): KeyObject {
  const bytes = new Uint8Array(hkdfSync('sha256', root, '', `pii-vault/${label}`, 32));
  const key = createSecretKey(bytes);
  bytes.fill(0);
  return key;
}

/** The token of these 20 bytes, by which the vault's tables name it. */
export function tokenText(kind: PiiKind, generation: number, bytes: Uint8Array): string {
  return `${kind}_v${generation}_${Buffer.from(bytes).toString('base64url')}`;
}

/** The 20 bytes of a token. */
export function tokenBytes(token: string): Buffer {
  return Buffer.from(token.slice(-tokenCharacters), 'base64url');
}

/** The kind of a token, of any generation; null if the text does not have the form of a token. */
export function kindOfToken(token: string): PiiKind | null {
  const kind = pattern.exec(token)?.[1];
  return piiKinds.find((candidate) => candidate === kind) ?? null;
}

/**
 * The container's tokenizer, of the generation that was last asked for by number, or else the first
 * one. Calls KMS once for each generation, and again only if that failed. Throws `KeyServiceError`,
 * and `InvalidConfig` for a generation whose key the container does not know.
 */
export type TokenizerSource = (generation?: number) => Promise<Tokenizer>;

/** The tokenizers under the token keys of `kms`. */
export function createTokenizerSource(kms: TokenRootService, first = 1): TokenizerSource {
  const tokenizers = new Map<number, Promise<Tokenizer>>();
  let current = first;
  return async (generation = current) => {
    const asked = tokenizers.get(generation) ?? derive(kms, generation);
    tokenizers.set(generation, asked);
    try {
      const tokenizer = await asked;
      current = generation;
      return tokenizer;
    } catch (error) {
      if (tokenizers.get(generation) === asked) tokenizers.delete(generation);
      throw error;
    }
  };
}

async function derive(kms: TokenRootService, generation: number): Promise<Tokenizer> {
  const root = await kms.tokenRoot(generation);
  if (root.length !== 32) throw new KeyServiceError(null);
  return createTokenizer(root, generation);
}
