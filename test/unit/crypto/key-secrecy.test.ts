import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { createOpeningKeys, createSealingKeys } from '../../../lib/crypto/data-key.ts';
import { createTokenizer, createTokenizerSource } from '../../../lib/crypto/token.ts';
import { createKmsDouble } from '../../../scripts/local/kms-double.ts';
import { readable } from '../../helpers/readable.ts';

/** Every way in which Node prints bytes, cut so that neighbouring bytes do not matter. */
function printed(bytes: Uint8Array): string[] {
  const buffer = Buffer.from(bytes);
  return [
    buffer.toString('hex'),
    buffer.toString('hex').replaceAll(/..(?!$)/g, '$& '),
    buffer.toString('base64').slice(0, 40),
    buffer.toString('base64url').slice(0, 40),
    [...buffer].join(','),
    [...buffer].join(', '),
    buffer.toString('latin1'),
  ].map((text) => text.slice(0, 60));
}

function expectHidden(object: unknown, bytes: Uint8Array): void {
  const text = readable(object);
  for (const form of printed(bytes)) expect(text).not.toContain(form);
}

describe('what holds a key prints none of it:', () => {
  it('the check itself sees bytes that are printed', () => {
    const bytes = randomBytes(32);
    expect(() => expectHidden({ key: bytes }, bytes)).toThrow();
    expect(() => expectHidden({ key: bytes.toString('hex') }, bytes)).toThrow();
  });

  it('the tokenizer, of its root and of the keys derived from it', () => {
    const root = randomBytes(32);
    const kept = Buffer.from(root);
    const tokenizer = createTokenizer(root);
    expectHidden(tokenizer, kept);
    expect(JSON.stringify(tokenizer)).toBe('{"generation":1}');
  });

  it('the tokenizer source, once it has asked', async () => {
    const kms = createKmsDouble();
    const source = createTokenizerSource(kms);
    await source();
    expectHidden(source, await kms.tokenRoot());
  });

  it('a data key, of its plaintext', async () => {
    const kms = createKmsDouble();
    const keys = createSealingKeys(kms);
    const dataKey = await keys.take(1);
    const bytes = await kms.unwrapDataKey(dataKey);
    expect(dataKey.key.equals(createSecretKey(bytes))).toBe(true);
    expectHidden(dataKey, bytes);
    expectHidden(keys, bytes);
    expectHidden({ nested: [new Error('x', { cause: dataKey })] }, bytes);
  });

  it('the opening keys, of what they keep', async () => {
    const kms = createKmsDouble();
    const { key: _key, ...stored } = await createSealingKeys(kms).take(1);
    const keys = createOpeningKeys(kms);
    const key = await keys.open(stored);
    const bytes = await kms.unwrapDataKey(stored);
    expectHidden(keys, bytes);
    expectHidden(key, bytes);
  });
});
