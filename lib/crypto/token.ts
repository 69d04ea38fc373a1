import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';

import { KeyServiceError } from '../errors.ts';
import type { TokenRootService } from './kms.ts';
import { perKind, type PiiKind, piiKinds } from '../pii-fields.ts';

const scheme = 'v1';
const tokenBytes = 20;
const pattern = new RegExp(`^(${piiKinds.join('|')})_${scheme}_[A-Za-z0-9_-]{27}$`);

/** Derives tokens. It holds one HMAC key for each kind, and never prints them. */
export interface Tokenizer {
  /**
   * The token of a canonical value: HMAC-SHA-256 (FIPS 198-1), the first 20 bytes in base64url
   * after the kind and the scheme's version. Equal values of one kind have equal tokens.
   */
  token(kind: PiiKind, canonicalValue: string): string;
}

/**
 * A tokenizer under `root` (32 bytes), with one key per kind by HKDF-SHA-256 (RFC 5869).
 * The root is zeroed: the caller cannot use it again.
 */
export function createTokenizer(root: Uint8Array): Tokenizer {
  const keys = perKind(({ kind }) => deriveKey(root, kind));
  root.fill(0);
  return {
    token: (kind, canonicalValue) => {
      const mac = createHmac('sha256', keys[kind]).update(canonicalValue, 'utf8').digest();
      return `${kind}_${scheme}_${mac.toString('base64url', 0, tokenBytes)}`;
    },
  };
}

/** How many characters a token of the kind has. */
export function tokenLength(kind: PiiKind): number {
  return `${kind}_${scheme}_`.length + Math.ceil((tokenBytes * 8) / 6);
}

function deriveKey(root: Uint8Array, kind: PiiKind): KeyObject {
  const info = `pii-vault/token/${scheme}/${kind}`;
  const bytes = new Uint8Array(hkdfSync('sha256', root, '', info, 32));
  const key = createSecretKey(bytes);
  bytes.fill(0);
  return key;
}

/** The kind of a token; null if the text does not have the form of a token. */
export function kindOfToken(token: string): PiiKind | null {
  const kind = pattern.exec(token)?.[1];
  return piiKinds.find((candidate) => candidate === kind) ?? null;
}

/** The container's tokenizer: calls KMS for the root once, and again only if that failed. */
export function createTokenizerSource(kms: TokenRootService): () => Promise<Tokenizer> {
  let tokenizer: Promise<Tokenizer> | null = null;
  return async () => {
    const asked = (tokenizer ??= kms.tokenRoot().then((root) => {
      if (root.length !== 32) throw new KeyServiceError(null);
      return createTokenizer(root);
    }));
    try {
      return await asked;
    } catch (error) {
      if (tokenizer === asked) tokenizer = null;
      throw error;
    }
  };
}
