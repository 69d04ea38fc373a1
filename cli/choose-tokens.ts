import type { UserToken } from '../db/find-user-tokens.ts';
import { ask, canAsk } from './ask.ts';
import { UserError } from './user-error.ts';

/**
 * Which of the tokens a person wants to erase: all, those that no other user has, or those with the
 * numbers of the list. With `--yes` all. Throws `UserError` where nothing is chosen.
 */
export async function chooseTokens(
  tokens: readonly UserToken[],
  { yes }: { yes?: true },
): Promise<UserToken[]> {
  if (yes === true) return [...tokens];
  if (!canAsk()) {
    throw new UserError(
      'Nothing was erased. There is no terminal to ask on: add --yes for all of them.',
    );
  }
  const answer = await ask(
    'Erase which? all, own (those that no other user has), numbers such as 1,3-5, or nothing: ',
  );
  const chosen = select(tokens, answer.trim().toLowerCase());
  if (chosen.length === 0) throw new UserError('Nothing was erased.');
  return chosen;
}

/** The tokens that an answer names, none for an empty one. Throws `UserError` for any other text. */
export function select(tokens: readonly UserToken[], answer: string): UserToken[] {
  if (answer === 'all') return [...tokens];
  if (answer === 'own') return tokens.filter(({ otherUsers }) => otherUsers === 0);
  const wanted = new Set<number>();
  for (const part of answer.split(',').filter((text) => text.trim() !== '')) {
    const [, first = '', last = first] = /^\s*(\d{1,6})(?:\s*-\s*(\d{1,6}))?\s*$/.exec(part) ?? [];
    if (Number(first) < 1 || Number(last) > tokens.length) {
      throw new UserError('Nothing was erased: the answer is not a list of numbers.');
    }
    for (let n = Number(first); n <= Number(last); n += 1) wanted.add(n);
  }
  return tokens.filter((_, index) => wanted.has(index + 1));
}
