import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { visible, visibleJson } from '../../../cli/visible.ts';

describe('what is shown of a text that somebody else chose', () => {
  it.each([
    ['a right-to-left override', 'a\u202Eb', 'a\\u{202E}b'],
    ['an escape sequence', '\u001B[2J', '\\u{1B}[2J'],
    ['a zero-width joiner', 'a\u200Db', 'a\\u{200D}b'],
    ['a filler that is a letter', 'a\u3164b', 'a\\u{3164}b'],
    ['a blank that is a symbol', 'a\u2800b', 'a\\u{2800}b'],
    ['a tag', 'a\u{E0041}b', 'a\\u{E0041}b'],
    ['a line separator', 'a\u2028b', 'a\\u{2028}b'],
  ])('has %s as an escape', (_what, text, shown) => expect(visible(text)).toBe(shown));

  it.each(['Gerät', '設備', 'جهاز', '😀', 'a b'])('is %s as it is', (text) =>
    expect(visible(text)).toBe(text),
  );

  it('is the same JSON, without such characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const shown = visibleJson({ text });
        expect(JSON.parse(shown)).toEqual({ text });
        expect(shown).not.toMatch(
          /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/u,
        );
      }),
    );
  });
});
