import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { encodeAppVersion } from '../../../lib/ingest/app-version.ts';

const component = fc.integer({ min: 0, max: 999 });
const version = fc.tuple(fc.integer({ min: 0, max: 2146 }), component, component);
type Version = [number, number, number];

const compare = (a: Version, b: Version) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
const encode = (parts: number[]) => encodeAppVersion(parts.join('.'))!;

describe('encodeAppVersion', () => {
  it.each([
    ['2.3.0', 2_003_000],
    ['2.3', 2_003_000],
    ['0.96', 96_000],
    ['3.7', 3_007_000],
    ['2.00', 2_000_000],
    ['6.02', 6_002_000],
    ['7', 7_000_000],
    ['0', 0],
    ['0.0.1', 1],
    ['2146.999.999', 2_146_999_999],
  ])('encodes %s as %i', (text, expected) => expect(encodeAppVersion(text)).toBe(expected));

  it.each([
    ['', 'nothing'],
    ['2147.0.0', 'a major over 2146'],
    ['1.1000', 'a minor over 999'],
    ['1.0.1000', 'a patch over 999'],
    ['1.2.3.4', 'four parts'],
    ['1.', 'an empty last part'],
    ['.1', 'an empty first part'],
    ['1..2', 'an empty middle part'],
    ['1,2', 'a comma'],
    ['v1.2', 'a letter before'],
    ['1.2-beta', 'a suffix'],
    ['-1.2', 'a sign'],
    ['+1', 'a plus'],
    ['1e3', 'an exponent'],
    ['0x10', 'hexadecimal'],
    [' 1.2', 'a space before'],
    ['1.2\n', 'a line feed after'],
    ['1.2\0', 'a NUL after'],
    ['١.٢', 'digits of another script'],
    ['Infinity', 'a word'],
    ['99999999999999999999', 'more than any integer'],
    ['1'.repeat(1_000_000), 'a million digits'],
  ])('refuses %j: %s', (text) => expect(encodeAppVersion(text)).toBeNull());

  it('keeps the order of versions, and two of them meet only when they are the same', () => {
    fc.assert(
      fc.property(version, version, (a, b) => {
        expect(Math.sign(encode(a) - encode(b))).toBe(Math.sign(compare(a, b)));
      }),
    );
  });

  it('keeps neighbours apart', () => {
    expect(encode([1, 0, 0])).toBeGreaterThan(encode([0, 999, 999]));
    expect(encode([1, 1, 0])).toBeGreaterThan(encode([1, 0, 999]));
    expect(encode([1, 10, 0])).toBeGreaterThan(encode([1, 9, 0]));
  });

  it('fits a Postgres integer for every version it accepts', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 1, maxLength: 3 }), (parts) => {
        const encoded = encodeAppVersion(parts.join('.'));
        if (encoded !== null) expect(encoded).toBeLessThanOrEqual(2 ** 31 - 1);
      }),
    );
  });

  it('takes missing parts for zero', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2146 }), component, (major, minor) => {
        expect(encode([major, minor])).toBe(encode([major, minor, 0]));
        expect(encode([major])).toBe(encode([major, 0, 0]));
      }),
    );
  });
});
