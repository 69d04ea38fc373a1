import { createDecipheriv, createSecretKey, randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { SealBroken } from '../../../lib/errors.ts';
import { open, seal, type SealPlace } from '../../../lib/crypto/seal.ts';

const keyBytes = randomBytes(32);
const key = createSecretKey(keyBytes);

function sealPlace(changes: Partial<SealPlace> = {}): SealPlace {
  return {
    kind: 'ip',
    token: 'ip_v1_W4ug5DfJpIv4ZakTPjdk2OYY76c',
    dataKeyId: '11111111-1111-4111-8111-111111111111',
    ...changes,
  };
}

const place = sealPlace();
const value = '2001:db8::1';

describe('a sealed value', () => {
  it('opens in its place to what was sealed', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(open(key, place, seal(key, place, text))).toBe(text);
      }),
    );
  });

  it('is nonce, ciphertext and tag of AES-256-GCM over the place it belongs to', () => {
    const sealed = seal(key, place, value);
    const decipher = createDecipheriv('aes-256-gcm', keyBytes, sealed.subarray(0, 12));
    decipher.setAAD(
      Buffer.from(`pii-vault/seal/v1\0${place.kind}\0${place.token}\0${place.dataKeyId}`),
    );
    decipher.setAuthTag(sealed.subarray(-16));
    const opened = Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]);
    expect(opened.toString('utf8')).toBe(value);
    expect(sealed.length).toBe(12 + Buffer.byteLength(value) + 16);
  });

  it('never looks the same twice, for the same value', () => {
    const sealed = Array.from({ length: 1000 }, () => seal(key, place, value));
    expect(new Set(sealed.map((each) => each.toString('hex'))).size).toBe(1000);
    expect(new Set(sealed.map((each) => each.toString('hex', 0, 12))).size).toBe(1000);
  });

  it('does not open with any one bit flipped', () => {
    const sealed = seal(key, place, value);
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const flipped = Buffer.from(sealed);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => open(key, place, flipped), `bit ${bit}`).toThrow(SealBroken);
    }
  });

  it('does not open cut to any length, from either end, or with a byte more', () => {
    const sealed = seal(key, place, value);
    for (let length = 0; length < sealed.length; length += 1) {
      expect(() => open(key, place, sealed.subarray(0, length)), `to ${length}`).toThrow(
        SealBroken,
      );
      expect(() => open(key, place, sealed.subarray(-length || sealed.length))).toThrow(SealBroken);
    }
    expect(() => open(key, place, Buffer.concat([sealed, Buffer.alloc(1)]))).toThrow(SealBroken);
    expect(() => open(key, place, Buffer.concat([Buffer.alloc(1), sealed]))).toThrow(SealBroken);
  });

  it('does not open, when empty, cut to any length either', () => {
    const sealed = seal(key, place, '');
    expect(open(key, place, sealed)).toBe('');
    for (let length = 0; length < sealed.length; length += 1) {
      expect(() => open(key, place, sealed.subarray(0, length))).toThrow(SealBroken);
    }
  });

  it.each<[string, Partial<SealPlace>]>([
    ['token', { token: 'ip_v1_SDjvK0OBzdjo1H1Y6ZQ1lx9vGmI' }],
    ['kind', { kind: 'device_id' }],
    ['data key id', { dataKeyId: '22222222-2222-4222-8222-222222222222' }],
  ])('does not open under another %s', (_what, changes) => {
    expect(() => open(key, sealPlace(changes), seal(key, place, value))).toThrow(SealBroken);
  });

  it('does not open in any place but its own, however the parts are cut', () => {
    const text = fc.string({ maxLength: 20 }).filter((part) => !part.includes('\0'));
    fc.assert(
      fc.property(text, text, text, text, (token, dataKeyId, otherToken, otherId) => {
        fc.pre(token !== otherToken || dataKeyId !== otherId);
        const sealed = seal(key, sealPlace({ token, dataKeyId }), value);
        const other = sealPlace({ token: otherToken, dataKeyId: otherId });
        expect(() => open(key, other, sealed)).toThrow(SealBroken);
      }),
    );
  });

  it('does not open under another key', () => {
    expect(() => open(createSecretKey(randomBytes(32)), place, seal(key, place, value))).toThrow(
      SealBroken,
    );
  });

  it('fails with one message, whatever was wrong', () => {
    const sealed = seal(key, place, value);
    const flipped = Buffer.from(sealed);
    flipped[20]! ^= 1;
    const attempts = [
      () => open(key, place, flipped),
      () => open(key, place, sealed.subarray(0, 5)),
      () => open(key, place, new Uint8Array()),
      () => open(key, sealPlace({ kind: 'device_id' }), sealed),
      () => open(createSecretKey(randomBytes(32)), place, sealed),
      // no AES-256 key at all
      () => open(createSecretKey(randomBytes(16)), place, sealed),
    ];
    const thrown = attempts.map((attempt) => {
      try {
        return attempt();
      } catch (error) {
        return error;
      }
    });
    for (const error of thrown) {
      expect(error).toBeInstanceOf(SealBroken);
      expect(error).toMatchObject({
        name: 'SealBroken',
        code: 'ERR_SEAL_BROKEN',
        message: 'a sealed value does not open in its place',
      });
      expect((error as Error).cause).toBeUndefined();
    }
  });
});
