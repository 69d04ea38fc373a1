import { describe, expect, it } from 'vitest';

import { select } from '../../../cli/choose-tokens.ts';
import { UserError } from '../../../cli/user-error.ts';

const tokens = [3, 0, 1, 0].map((otherUsers, index) => ({
  token: `t${index + 1}`,
  kind: 'ip' as const,
  logins: 1,
  otherUsers,
}));

describe('select', () => {
  it.each([
    ['all', ['t1', 't2', 't3', 't4']],
    ['own', ['t2', 't4']],
    ['1, 3-4', ['t1', 't3', 't4']],
    ['2', ['t2']],
    ['', []],
  ])('%s', (answer, chosen) => {
    expect(select(tokens, answer).map(({ token }) => token)).toEqual(chosen);
  });

  it.each(['0', '5', '1-9', 'yes', '1;2', '-1'])('refuses %s', (answer) => {
    expect(() => select(tokens, answer)).toThrow(UserError);
  });
});
