import { createInterface } from 'node:readline/promises';

import { UserError } from './user-error.ts';

/**
 * Asks whether to go on, unless `--yes` was given. Where there is no terminal to ask on, nothing
 * is asked: throws `UserError`, as for every answer but yes.
 */
export async function confirm(question: string, { yes }: { yes?: true }): Promise<void> {
  if (yes === true) return;
  if (!process.stdin.isTTY) {
    throw new UserError(`${question} There is no terminal to ask on: add --yes.`);
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    // the terminal gives Ctrl-C to readline, and not to the process
    terminal.once('SIGINT', () => {
      process.emit('SIGINT', 'SIGINT');
      terminal.close();
    });
    // Ctrl-C and Ctrl-D close it without an answer
    const closed = new Promise<string>((resolve) => void terminal.once('close', () => resolve('')));
    const answer = await Promise.race([terminal.question(`${question} [y/N] `), closed]);
    if (!/^y(es)?$/i.test(answer.trim())) throw new UserError('Nothing was changed.');
  } finally {
    terminal.close();
  }
}
