import { createSecretKey, type KeyObject, randomUUID } from 'node:crypto';

import { KeyServiceError, SealBroken } from '../errors.ts';
import type { OpeningKeyService, SealingKeyService, WrappedDataKey } from './kms.ts';
import { hourMs } from '../time.ts';

const lifetimeMs = hourMs;
const maxSeals = 2 ** 24;
const keyBytes = 32;

/** The key that a container seals with, and its wrapped form, which is stored with the sealed values. */
export interface DataKey extends WrappedDataKey {
  key: KeyObject;
}

/** Hands out the container's data key. */
export interface SealingKeys {
  /**
   * A key with room for `seals` more seals: the current one, or a new one after an hour or
   * 2^24 seals, far below the 2^32 of SP 800-38D for random nonces. Throws `KeyServiceError`.
   */
  take(seals: number): Promise<DataKey>;
}

/** One data key at a time from `kms`; `now` is the clock, in milliseconds. */
export function createSealingKeys(
  kms: Pick<SealingKeyService, 'generateDataKey'>,
  now: () => number = Date.now,
): SealingKeys {
  let current: { dataKey: Promise<DataKey>; expiresAt: number; sealsLeft: number } | null = null;
  return {
    take: async (seals) => {
      if (current === null || now() >= current.expiresAt || current.sealsLeft < seals) {
        current = {
          dataKey: generate(kms),
          expiresAt: now() + lifetimeMs,
          sealsLeft: maxSeals,
        };
      }
      const taken = current;
      taken.sealsLeft -= seals;
      try {
        return await taken.dataKey;
      } catch (error) {
        // a failed call is not kept: the next batch calls KMS again
        if (current === taken) current = null;
        throw error;
      }
    },
  };
}

async function generate(kms: Pick<SealingKeyService, 'generateDataKey'>): Promise<DataKey> {
  const id = randomUUID();
  const { plaintext, wrapped, kmsKeyArn } = await kms.generateDataKey(id);
  const key = importKey(plaintext);
  if (key === null) throw new KeyServiceError(null);
  return { id, wrapped, kmsKeyArn, key };
}

/** Opens wrapped data keys, and keeps the most recently used ones in memory. */
export interface OpeningKeys {
  /** Throws what `OpeningKeyService.unwrapDataKey` throws. */
  open(dataKey: WrappedDataKey): Promise<KeyObject>;
}

/** Unwraps through `kms` and keeps up to `maxKeys` keys in memory, by id and wrapped bytes. */
export function createOpeningKeys(kms: OpeningKeyService, maxKeys = 1000): OpeningKeys {
  const kept = new Map<string, Promise<KeyObject>>();
  return {
    open: async (dataKey) => {
      // the wrapped bytes are part of the name, so a changed row is never served from memory
      const name = `${dataKey.id} ${Buffer.from(dataKey.wrapped).toString('base64')}`;
      const opened = kept.get(name) ?? unwrap(kms, dataKey);
      kept.delete(name);
      kept.set(name, opened);
      if (kept.size > maxKeys) kept.delete(kept.keys().next().value!);
      try {
        return await opened;
      } catch (error) {
        if (kept.get(name) === opened) kept.delete(name);
        throw error;
      }
    },
  };
}

async function unwrap(kms: OpeningKeyService, dataKey: WrappedDataKey): Promise<KeyObject> {
  const key = importKey(await kms.unwrapDataKey(dataKey));
  if (key === null) throw new SealBroken();
  return key;
}

/** Null if the bytes are not an AES-256 key; they are zeroed in any case. */
function importKey(plaintext: Uint8Array): KeyObject | null {
  const key = plaintext.length === keyBytes ? createSecretKey(plaintext) : null;
  plaintext.fill(0);
  return key;
}
