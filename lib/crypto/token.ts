import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';

import { KeyServiceError } from '../errors.ts';
import type { TokenRootService } from './kms.ts';
import { perKind, type PiiKind, piiKinds } from '../pii-fields.ts';

const macBytes = 20;
const tokenCharacters = 27;
// the last of 27 characters has 4 bits of the 160: only one spelling of it is a token
const pattern = new RegExp(
  `^(${piiKinds.join('|')})_v([1-9][0-9]{0,5})_[A-Za-z0-9_-]{26}[AEIMQUYcgkosw048]$`,
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
}

/**
 * A tokenizer under `root` (32 bytes), with one key per kind by HKDF-SHA-256 (RFC 5869).
 * The root is zeroed: the caller cannot use it again.
 */
export function createTokenizer(root: Uint8Array, generation = 1): Tokenizer {
  const keys = perKind(({ kind }) => deriveKey(root, kind));
  root.fill(0);
  return {
    generation,
    token: (kind, canonicalValue) => {
      const mac = createHmac('sha256', keys[kind]).update(canonicalValue, 'utf8').digest();
      return `${kind}_v${generation}_${mac.toString('base64url', 0, macBytes)}`;
    },
  };
}

/** How many characters a token of the kind has. */
export function tokenLength(kind: PiiKind, generation = 1): number {
  return `${kind}_v${generation}_`.length + tokenCharacters;
}

// the scheme, which all generations of the key share
function deriveKey(root: Uint8Array, kind: PiiKind): KeyObject {
  const bytes = new Uint8Array(hkdfSync('sha256', root, '', `pii-vault/token/v1/${kind}`, 32));
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
