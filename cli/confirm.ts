import { ask, canAsk } from './ask.ts';
import { UserError } from './user-error.ts';

/**
 * Asks whether to go on, unless `--yes` was given. Where there is no terminal to ask on, nothing
 * is asked: throws `UserError`, as for every answer but yes.
 */
export async function confirm(question: string, { yes }: { yes?: true }): Promise<void> {
  if (yes === true) return;
  if (!canAsk()) {
    throw new UserError(`${question} There is no terminal to ask on: add --yes.`);
  }
  const answer = await ask(`${question} [y/N] `);
  if (!/^y(es)?$/i.test(answer.trim())) throw new UserError('Nothing was changed.');
}
