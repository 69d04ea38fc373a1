import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';

import { SealBroken } from '../errors.ts';
import type { PiiKind } from '../pii-fields.ts';

const algorithm = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/** Where a sealed value belongs. It is authenticated, so the value opens nowhere else. */
export interface SealPlace {
  kind: PiiKind;
  token: string;
  dataKeyId: string;
}

/**
 * Seals a canonical value with AES-256-GCM (SP 800-38D) under a random 96-bit nonce.
 * Returns nonce ‖ ciphertext ‖ tag; the same value never seals to the same bytes twice.
 */
export function seal(key: KeyObject, place: SealPlace, canonicalValue: string): Buffer {
  const nonce = nextNonce();
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(associatedData(place));
  const body = cipher.update(canonicalValue, 'utf8');
  // GCM has no padding, so this returns no bytes
  cipher.final();
  const sealed = Buffer.allocUnsafe(nonceBytes + body.length + tagBytes);
  sealed.set(nonce);
  sealed.set(body, nonceBytes);
  sealed.set(cipher.getAuthTag(), nonceBytes + body.length);
  return sealed;
}

/** Opens what `seal` returned, in the same place. Throws `SealBroken`, whatever the cause. */
export function open(key: KeyObject, place: SealPlace, sealed: Uint8Array): string {
  try {
    const decipher = createDecipheriv(algorithm, key, sealed.subarray(0, nonceBytes), {
      authTagLength: tagBytes,
    });
    decipher.setAAD(associatedData(place));
    decipher.setAuthTag(sealed.subarray(-tagBytes));
    const body = sealed.subarray(nonceBytes, sealed.length - tagBytes);
    return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
  } catch {
    throw new SealBroken();
  }
}

// a thousand nonces at a time: one call of the system's generator for each nonce took a third of the
// time of a seal
let nonces = Buffer.alloc(0);
let taken = 0;

function nextNonce(): Buffer {
  if (taken === nonces.length) {
    nonces = randomBytes(nonceBytes * 1024);
    taken = 0;
  }
  taken += nonceBytes;
  return nonces.subarray(taken - nonceBytes, taken);
}

function associatedData({ kind, token, dataKeyId }: SealPlace): Buffer {
  return Buffer.from(`pii-vault/seal/v1\0${kind}\0${token}\0${dataKeyId}`, 'latin1');
}
