import { VaultError } from '../lib/errors.ts';
import { UserError, messageOf } from './user-error.ts';

/**
 * Runs a command whose `work` returns its exit code. What a person can mend is shown as its
 * message alone, with exit code 2: nothing of a message, a row or a value is in it.
 */
export async function main(work: () => Promise<number>): Promise<void> {
  try {
    const code = await work();
    process.exitCode ??= code;
  } catch (error) {
    if (!(error instanceof UserError || error instanceof VaultError)) throw error;
    console.error(error.message);
    process.exitCode = 2;
  }
}

/** The answer of AWS to `work`; a failure becomes a `UserError` with the name of AWS's exception. */
export async function askedOfAws<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    // the SDK's messages may quote the request
    throw new UserError(
      `${what} does not answer: ${error instanceof Error ? error.name : 'unknown'}`,
    );
  }
}

/**
 * What `parse` makes of the command line; its faults are shown with the `usage`. Who asks for
 * `--help` is shown the usage alone, and the process ends.
 */
export function parsed<T>(parse: () => T, usage: string): T {
  if (process.argv.includes('--help')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parse();
  } catch (error) {
    throw new UserError(`${messageOf(error)}\n\n${usage}`);
  }
}
