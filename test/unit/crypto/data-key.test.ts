import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { createOpeningKeys, createSealingKeys } from '../../../lib/crypto/data-key.ts';
import { KeyServiceError, SealBroken } from '../../../lib/errors.ts';
import type {
  GeneratedDataKey,
  OpeningKeyService,
  WrappedDataKey,
} from '../../../lib/crypto/kms.ts';
import { createKmsDouble } from '../../../scripts/local/kms-double.ts';
import { hourMs } from '../../../lib/time.ts';

function wrappedDataKey(changes: Partial<WrappedDataKey> = {}): WrappedDataKey {
  return {
    id: '11111111-1111-4111-8111-111111111111',
    wrapped: Buffer.from('wrapped'),
    kmsKeyArn: 'arn:aws:kms:eu-central-1:000000000000:key/example',
    ...changes,
  };
}

/** Answers every unwrap with a fresh key, and keeps what it was asked and what it gave. */
function openingService() {
  const asked: WrappedDataKey[] = [];
  const given: Uint8Array[] = [];
  const service: OpeningKeyService = {
    unwrapDataKey: (dataKey) => {
      asked.push(dataKey);
      const plaintext = randomBytes(32);
      given.push(plaintext);
      return Promise.resolve(plaintext);
    },
  };
  return { service, asked, given };
}

describe('the sealing key', () => {
  it('is one for an hour, and then a new one', async () => {
    const kms = createKmsDouble();
    let now = 1_000_000;
    const keys = createSealingKeys(kms, () => now);
    const first = await keys.take(1);
    now += hourMs - 1;
    expect(await keys.take(1)).toBe(first);
    now += 1;
    const second = await keys.take(1);
    expect(second.id).not.toBe(first.id);
    expect(second.key.equals(first.key)).toBe(false);
    expect(kms.calls.GenerateDataKey).toBe(2);
  });

  it('is renewed before it would seal more than 2^24 values', async () => {
    const keys = createSealingKeys(createKmsDouble(), () => 0);
    const first = await keys.take(2 ** 24 - 1);
    expect(await keys.take(1)).toBe(first);
    expect((await keys.take(1)).id).not.toBe(first.id);
  });

  it('is renewed for a batch that no longer fits, not in its middle', async () => {
    const keys = createSealingKeys(createKmsDouble(), () => 0);
    const first = await keys.take(2 ** 24 - 5);
    expect((await keys.take(6)).id).not.toBe(first.id);
  });

  it('is asked for once by takers at the same time', async () => {
    const kms = createKmsDouble();
    const keys = createSealingKeys(kms, () => 0);
    const all = await Promise.all(Array.from({ length: 20 }, () => keys.take(10)));
    expect(new Set(all).size).toBe(1);
    expect(kms.calls.GenerateDataKey).toBe(1);
  });

  it('is not kept when KMS failed: every waiter fails, the next taker asks again', async () => {
    const kms = createKmsDouble();
    const keys = createSealingKeys(kms, () => 0);
    kms.fault = 'ThrottlingException';
    const failed = await Promise.allSettled([keys.take(1), keys.take(1)]);
    for (const { status, ...rest } of failed) {
      expect(status).toBe('rejected');
      expect(rest).toMatchObject({ reason: { name: 'KeyServiceError' } });
    }
    expect(kms.calls.GenerateDataKey).toBe(1);
    kms.fault = null;
    expect(await keys.take(1)).toBe(await keys.take(1));
    expect(kms.calls.GenerateDataKey).toBe(2);
  });

  it('is bound to the id it is stored under, and comes with its wrapped form', async () => {
    const kms = createKmsDouble();
    const { key, ...stored } = await createSealingKeys(kms).take(1);
    expect(stored).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      wrapped: expect.any(Buffer),
      kmsKeyArn: expect.stringMatching(/^arn:aws:kms:/),
    });
    expect((await createOpeningKeys(kms).open(stored)).equals(key)).toBe(true);
  });

  it.each([32, 16, 0])('leaves no plaintext of %i bytes behind', async (bytes) => {
    const plaintext = randomBytes(bytes);
    const generated: GeneratedDataKey = { ...wrappedDataKey(), plaintext };
    const keys = createSealingKeys({ generateDataKey: () => Promise.resolve(generated) });
    const taken = keys.take(1);
    if (bytes === 32) await taken;
    else await expect(taken).rejects.toThrow(KeyServiceError);
    expect(plaintext).toEqual(Buffer.alloc(bytes));
  });
});

describe('the opening keys', () => {
  it('unwrap a data key once and keep it', async () => {
    const { service, asked } = openingService();
    const keys = createOpeningKeys(service);
    const [first, second] = await Promise.all([
      keys.open(wrappedDataKey()),
      keys.open(wrappedDataKey()),
    ]);
    expect(second).toBe(first);
    expect(await keys.open(wrappedDataKey())).toBe(first);
    expect(asked).toEqual([wrappedDataKey()]);
  });

  it.each<[string, Partial<WrappedDataKey>]>([
    ['id', { id: '22222222-2222-4222-8222-222222222222' }],
    ['wrapped bytes', { wrapped: Buffer.from('changed') }],
  ])('never answer from memory when the %s differ', async (_what, changes) => {
    const { service, asked } = openingService();
    const keys = createOpeningKeys(service);
    await keys.open(wrappedDataKey());
    await keys.open(wrappedDataKey(changes));
    expect(asked).toHaveLength(2);
  });

  it('are bounded: the one used longest ago is unwrapped anew', async () => {
    const { service, asked } = openingService();
    const keys = createOpeningKeys(service, 2);
    const named = (id: string) => keys.open(wrappedDataKey({ id }));
    await named('a');
    await named('b');
    await named('a');
    await named('c');
    expect(asked.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    await named('a');
    await named('b');
    expect(asked.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'b']);
  });

  it('do not keep a failed call', async () => {
    const kms = createKmsDouble();
    const { key: _key, ...stored } = await createSealingKeys(kms).take(1);
    const keys = createOpeningKeys(kms);
    kms.fault = 'KMSInternalException';
    await expect(keys.open(stored)).rejects.toThrow(KeyServiceError);
    kms.fault = null;
    expect(await keys.open(stored)).toBe(await keys.open(stored));
    expect(kms.calls.Decrypt).toBe(2);
  });

  it('leave no plaintext behind', async () => {
    const { service, given } = openingService();
    await createOpeningKeys(service).open(wrappedDataKey());
    expect(given).toEqual([Buffer.alloc(32)]);
  });

  it.each([0, 16, 33])('take %i bytes for a broken seal, and leave none behind', async (bytes) => {
    const plaintext = randomBytes(bytes);
    const keys = createOpeningKeys({ unwrapDataKey: () => Promise.resolve(plaintext) });
    await expect(keys.open(wrappedDataKey())).rejects.toThrow(SealBroken);
    expect(plaintext).toEqual(Buffer.alloc(bytes));
  });
});
