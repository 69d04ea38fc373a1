import { kindOfToken } from '../lib/crypto/token.ts';
import { type InputOptions, readInput } from './input.ts';
import { lineList, notToken } from './line-list.ts';
import { Cancelled, UserError } from './user-error.ts';

/**
 * The different tokens that were given, and a sentence that names what is not a token. Throws
 * `UserError` where there is none.
 */
export async function readTokens(
  options: InputOptions,
  args: readonly string[],
  signal: AbortSignal,
): Promise<{ tokens: string[]; problems: string[] }> {
  const { items, place } = await readInput(options, args, false);
  if (signal.aborted) throw new Cancelled();
  const malformed = items.filter(({ text }) => kindOfToken(text.trim()) === null);
  const tokens = items.map(({ text }) => text.trim()).filter((text) => kindOfToken(text) !== null);
  if (tokens.length === 0) throw new UserError('There is no token.');
  return {
    tokens: [...new Set(tokens)],
    problems: malformed.length > 0 ? [`${lineList(malformed, place)}: ${notToken}.`] : [],
  };
}
