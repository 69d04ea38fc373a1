import { createCipheriv, createDecipheriv, createHmac, randomBytes, randomUUID } from 'node:crypto';

import { KeyServiceError, SealBroken } from '../../lib/errors.ts';
import type {
  KeyScope,
  OpeningKeyService,
  RewrappingKeyService,
  SealingKeyService,
  WrappedDataKey,
} from '../../lib/crypto/kms.ts';

/** How often each call was made, and a fault to answer with instead, by call. */
export interface KmsDouble extends SealingKeyService, OpeningKeyService, RewrappingKeyService {
  tokenRoot(generation?: number): Promise<Uint8Array>;
  calls: Record<'GenerateMac' | 'GenerateDataKey' | 'Decrypt', number>;
  /** How often ReEncrypt was called. */
  rewraps: number;
  /** An AWS exception name to answer every call with, until it is null again. */
  fault: string | null;
  /** Milliseconds that each call takes. */
  delayMs: number;
  /** Makes another key that data keys can be moved to; returns its ARN. */
  addKey: () => string;
  /** From now on, the key of this ARN does nothing any more. */
  disableKey: (arn: string) => void;
  /** From now on, KMS says that there is no key of this ARN. */
  forgetKey: (arn: string) => void;
}

const account = 'arn:aws:kms:eu-central-1:000000000000:key';
const wrappingKeyId = '1f0c9d0e-6f4b-4d1a-9d4e-0b9c5f0a7e11';

/**
 * KMS as far as the vault can tell: wraps under AES-256-GCM with the encryption context as
 * associated data, refuses another key, context or changed bytes as KMS does, and answers
 * `GenerateMac` with the same root of a generation every time. Keys live as long as the object.
 */
export function createKmsDouble(
  scope: KeyScope = { service: 'pii-vault', stage: 'test' },
): KmsDouble {
  const tokenKeys = new Map<number, Buffer>();
  const kmsKeyArn = `${account}/${wrappingKeyId}`;
  const wrappingKeys = new Map([[kmsKeyArn, randomBytes(32)]]);

  const forgotten = new Set<string>();

  // KMS sorts the pairs: the order in which they are given does not matter
  const context = (dataKeyId: string) =>
    Buffer.from(
      JSON.stringify(
        Object.entries({ ...scope, dataKeyId }).toSorted(([a], [b]) => (a < b ? -1 : 1)),
      ),
    );

  const answer = async <T>(call: keyof KmsDouble['calls'], result: () => T): Promise<T> => {
    double.calls[call] += 1;
    if (double.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, double.delayMs));
    if (double.fault !== null) throw new KeyServiceError(double.fault);
    return result();
  };

  const wrap = (arn: string, dataKeyId: string, plaintext: Uint8Array): Buffer => {
    const key = wrappingKeys.get(arn);
    if (key === undefined) throw new KeyServiceError('NotFoundException');
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    cipher.setAAD(context(dataKeyId));
    const body = Buffer.concat([cipher.update(plaintext), cipher.final()]);
    return Buffer.concat([nonce, body, cipher.getAuthTag()]);
  };

  const unwrap = ({ id, wrapped, kmsKeyArn: arn }: WrappedDataKey): Buffer => {
    if (forgotten.has(arn)) throw new KeyServiceError('NotFoundException');
    const key = wrappingKeys.get(arn);
    if (key === undefined) throw new SealBroken();
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, wrapped.subarray(0, 12));
      decipher.setAAD(context(id));
      decipher.setAuthTag(wrapped.subarray(-16));
      return Buffer.concat([decipher.update(wrapped.subarray(12, -16)), decipher.final()]);
    } catch {
      throw new SealBroken();
    }
  };

  const double: KmsDouble = {
    calls: { GenerateMac: 0, GenerateDataKey: 0, Decrypt: 0 },
    rewraps: 0,
    fault: null,
    delayMs: 0,
    tokenRoot: (generation = 1) =>
      answer('GenerateMac', () => {
        const tokenKey = tokenKeys.get(generation) ?? randomBytes(32);
        tokenKeys.set(generation, tokenKey);
        return createHmac('sha256', tokenKey).update('pii-vault/token-root/v1').digest();
      }),
    generateDataKey: (dataKeyId) =>
      answer('GenerateDataKey', () => {
        const plaintext = randomBytes(32);
        return { plaintext, wrapped: wrap(kmsKeyArn, dataKeyId, plaintext), kmsKeyArn };
      }),
    unwrapDataKey: (key) => answer('Decrypt', () => unwrap(key)),
    rewrapDataKey: async (key, toKeyArn) => {
      double.rewraps += 1;
      if (double.fault !== null) throw new KeyServiceError(double.fault);
      return { id: key.id, wrapped: wrap(toKeyArn, key.id, unwrap(key)), kmsKeyArn: toKeyArn };
    },
    checkRewrap: async (key) => {
      if (double.fault !== null) throw new KeyServiceError(double.fault);
      unwrap(key);
    },
    keyState: async (arn) => {
      if (!wrappingKeys.has(arn)) throw new KeyServiceError('NotFoundException');
      return 'Enabled';
    },
    addKey: () => {
      const arn = `${account}/${randomUUID()}`;
      wrappingKeys.set(arn, randomBytes(32));
      return arn;
    },
    disableKey: (arn) => void wrappingKeys.delete(arn),
    forgetKey: (arn) => void (wrappingKeys.delete(arn), forgotten.add(arn)),
  };
  return double;
}
