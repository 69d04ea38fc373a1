import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { characterCount, isStorableText } from '../../lib/text.ts';

describe('isStorableText', () => {
  it.each([
    ['nothing', ''],
    ['accents', 'Gerät'],
    ['an emoji', '😀'],
    ['control characters other than NUL', '\u0001\t\n\u007F'],
    ['a noncharacter', '\uFFFF'],
  ])('accepts %s', (_what, value) => expect(isStorableText(value)).toBe(true));

  it.each([
    ['a NUL', '\0'],
    ['a NUL at the end', 'abc\0'],
    ['a lone high surrogate', '\uD83D'],
    ['a lone low surrogate', '\uDE00'],
    ['a lone surrogate after a pair', '😀\uD83D'],
  ])('refuses %s', (_what, value) => expect(isStorableText(value)).toBe(false));

  it('accepts exactly what UTF-8 carries unchanged and Postgres stores', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.integer({ max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
        (value) => {
          const survives = Buffer.from(value, 'utf8').toString('utf8') === value;
          expect(isStorableText(value)).toBe(survives && !value.includes('\0'));
        },
      ),
    );
  });
});

describe('characterCount', () => {
  it.each([
    ['', 0],
    ['abc', 3],
    ['Gerät', 5],
    ['😀', 1],
    ['a😀b😀', 4],
    ['\uD83D', 1],
    ['😀\uD83D', 2],
  ])('counts %j as %i', (value, expected) => expect(characterCount(value)).toBe(expected));

  it('counts code points', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        expect(characterCount(value)).toBe(Array.from(value).length);
      }),
    );
  });
});
