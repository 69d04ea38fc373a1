import { ask, canAsk } from './ask.ts';
import { UserError } from './user-error.ts';

/** The reason that the audit keeps: the option's, or asked for. Throws `UserError`. */
export async function reasonOf({ reason }: { reason?: string }): Promise<string> {
  if (reason !== undefined) return reason;
  if (!canAsk()) {
    throw new UserError('Add --reason "…", 10 to 500 characters: the audit keeps it.');
  }
  const answer = (await ask('Reason, which the audit keeps (10 to 500 characters): ')).trim();
  if (answer === '') throw new UserError('Nothing was asked: the vault needs a reason.');
  return answer;
}
