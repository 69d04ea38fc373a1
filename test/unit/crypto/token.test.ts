import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { KeyServiceError } from '../../../lib/errors.ts';
import { piiKinds } from '../../../lib/pii-fields.ts';
import {
  createTokenizer,
  createTokenizerSource,
  kindOfToken,
  tokenLength,
} from '../../../lib/crypto/token.ts';
import { createKmsDouble } from '../../../scripts/local/kms-double.ts';

const root = () => Uint8Array.from({ length: 32 }, (_, index) => index);
const tokenizer = createTokenizer(root());

describe('a token', () => {
  // from Python's hmac and hashlib, with HKDF (RFC 5869) written out: nothing of the vault's own
  it.each([
    ['ip', '192.0.2.1', 'ip_v1_W4ug5DfJpIv4ZakTPjdk2OYY76c'],
    ['ip', '2001:db8::1', 'ip_v1_SDjvK0OBzdjo1H1Y6ZQ1lx9vGmI'],
    ['ip', 'same', 'ip_v1_CrGjvxjpUytdxfWjwickq9wloMs'],
    ['device_id', '593-47-4271', 'device_id_v1_liyX2cIkxrZUNup1i-eGtkzhhS8'],
    ['device_id', 'Gerät-é', 'device_id_v1_tcHpPDNXx4qfMElVDTXC8M-h07M'],
    ['device_id', 'same', 'device_id_v1_Q6u_gH-9QHVPTMY2EwYyWdWWOqU'],
  ] as const)('of the %s %s under a known root is known', (kind, value, expected) => {
    expect(tokenizer.token(kind, value)).toBe(expected);
  });

  it('is the same for the same value, whichever container made it', () => {
    fc.assert(
      fc.property(fc.constantFrom(...piiKinds), fc.string(), (kind, value) => {
        expect(createTokenizer(root()).token(kind, value)).toBe(tokenizer.token(kind, value));
      }),
    );
  });

  it('differs between values, kinds and roots', () => {
    const tokens = new Set<string>();
    for (let index = 0; index < 1000; index += 1) {
      for (const kind of piiKinds) tokens.add(tokenizer.token(kind, `value ${index}`).slice(-27));
    }
    expect(tokens.size).toBe(1000 * piiKinds.length);
    const other = createTokenizer(new Uint8Array(32).fill(7));
    expect(other.token('ip', 'value 1')).not.toBe(tokenizer.token('ip', 'value 1'));
  });

  it('has its kind read from it, and from nothing that only looks like one', () => {
    fc.assert(
      fc.property(fc.constantFrom(...piiKinds), fc.string(), (kind, value) => {
        expect(kindOfToken(tokenizer.token(kind, value))).toBe(kind);
      }),
    );
  });

  const rest = 'W4ug5DfJpIv4ZakTPjdk2OYY76c';
  it.each([
    ['nothing', ''],
    ['no kind', `_v1_${rest}`],
    ['an unknown kind', `unknown_v1_${rest}`],
    ['a kind in capitals', `IP_v1_${rest}`],
    ['a prototype key as its kind', `__proto___v1_${rest}`],
    ['generation 0', `ip_v0_${rest}`],
    ['a generation with a leading zero', `ip_v01_${rest}`],
    ['a generation of 7 digits', `ip_v1000000_${rest}`],
    ['another spelling of the last bits', `ip_v1_${rest.slice(0, -1)}d`],
    ['one character less', `ip_v1_${rest.slice(1)}`],
    ['one character more', `ip_v1_${rest}A`],
    ['a line feed after it', `ip_v1_${rest}\n`],
    ['a space before it', ` ip_v1_${rest}`],
    ['bits in its last character that no byte needs', `ip_v1_${rest.slice(0, -1)}d`],
    ['two tokens', `ip_v1_${rest} ip_v1_${rest}`],
    ['padding', `ip_v1_${rest.slice(1)}=`],
    ['plain base64', `ip_v1_${rest.slice(1)}+`],
    ['a Cyrillic look-alike', `ip_v1_${rest.replace('c', '\u0441')}`],
    ['a full-width look-alike', `ip_v1_${rest.replace('W', '\uFF37')}`],
    ['a Cyrillic kind', `\u0456p_v1_${rest}`],
    ['a zero-width space', `ip_v1_${rest.slice(1)}\u200B`],
    ['a NUL', `ip_v1_${rest.slice(1)}\0`],
  ])('is not what has %s', (_what, text) => expect(kindOfToken(text)).toBeNull());
});

describe('the tokenizer', () => {
  it('zeroes the root it was made from', () => {
    const used = root();
    createTokenizer(used);
    expect(used).toEqual(new Uint8Array(32));
  });

  it.each([0, 16, 31, 33])('is not made from a root of %i bytes', async (bytes) => {
    const source = createTokenizerSource({
      tokenRoot: () => Promise.resolve(new Uint8Array(bytes)),
    });
    await expect(source()).rejects.toThrow(KeyServiceError);
  });

  it('asks KMS once, however many callers wait', async () => {
    const kms = createKmsDouble();
    const source = createTokenizerSource(kms);
    const all = await Promise.all(Array.from({ length: 10 }, () => source()));
    await source();
    expect(new Set(all).size).toBe(1);
    expect(kms.calls.GenerateMac).toBe(1);
  });

  it('asks KMS again after a failed call, and then keeps the answer', async () => {
    const kms = createKmsDouble();
    const source = createTokenizerSource(kms);
    kms.fault = 'ThrottlingException';
    await expect(source()).rejects.toEqual(new KeyServiceError('ThrottlingException'));
    kms.fault = null;
    expect(await source()).toBe(await source());
    expect(kms.calls.GenerateMac).toBe(2);
  });

  it('is that of the generation last asked for, with a key of its own for each', async () => {
    const kms = createKmsDouble();
    const source = createTokenizerSource(kms, 9);
    const former = (await source()).token('ip', '192.0.2.1');
    const next = (await source(10)).token('ip', '192.0.2.1');
    expect(former).toMatch(/^ip_v9_/);
    expect(next).toMatch(/^ip_v10_/);
    expect(next).toHaveLength(tokenLength('ip', 10));
    expect(next.slice(-27)).not.toBe(former.slice(-27));
    expect(kindOfToken(next)).toBe('ip');
    expect((await source()).generation).toBe(10);
  });

  it('makes the same tokens in every container', async () => {
    const kms = createKmsDouble();
    const [one, other] = [await createTokenizerSource(kms)(), await createTokenizerSource(kms)()];
    expect(one).not.toBe(other);
    expect(one.token('ip', '192.0.2.1')).toBe(other.token('ip', '192.0.2.1'));
  });
});
