import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';

import { Cancelled, messageOf, UserError } from '../../cli/user-error.ts';

/**
 * The options of this process's command line. With `--help`, or an option that is not known, it
 * prints the usage instead, and the process ends.
 */
export function readOptions<Options extends ParseArgsOptionsConfig>(
  usage: string,
  options: Options,
) {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) {
    console.log(usage);
    return process.exit(0);
  }
  try {
    return parseArgs({ args, options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${usage}`);
    return process.exit(2);
  }
}

/** Waits for `work`. Shows a `UserError` or `Cancelled` as its message, and sets the exit code. */
export async function showUserError(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof UserError || error instanceof Cancelled)) throw error;
    console.error(error.message);
    process.exitCode ??= 1;
  }
}
