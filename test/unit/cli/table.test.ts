import { describe, expect, it } from 'vitest';

import { pairs, table } from '../../../cli/table.ts';

// clears the screen, sets the window's title, begins a line anew, and turns the direction of text around
const hostile = '\u001B[2J\u001B]0;title\u0007\r\nAll is right\u202E\u009B\u2028';
const shown = String.raw`\u{1B}[2J\u{1B}]0;title\u{7}\u{D}\u{A}All is right\u{202E}\u{9B}\u{2028}`;

describe('what a terminal is shown', () => {
  it('has no control or bidirectional character of a value in a table', () => {
    expect(table([{ user_id: hostile, rows: 1 }]).split('\n')[1]).toBe(`${shown}     1`);
  });

  it('has none in pairs either, nor within a list or an object', () => {
    expect(pairs({ reason: hostile })).toBe(`reason  ${shown}`);
    expect(pairs({ reasons: [hostile, { by: hostile }] })).toBe(`reasons  ${shown}; by ${shown}`);
  });

  it('has none where a name of a column or pair comes from data', () => {
    expect(pairs({ [hostile]: 1 })).toBe(`${shown}  1`);
    expect(pairs({ nested: { [hostile]: 1 } })).toBe(`nested  ${shown} 1`);
  });
});
