import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';

import { messageOf, UserError } from '../../cli/user-error.ts';

/**
 * The options of this process's command line. With `--help` it prints the usage instead, and the
 * process ends. Throws `UserError`, with the usage, for an option that is not known.
 */
export function readOptions<Options extends ParseArgsOptionsConfig>(
  usage: string,
  options: Options,
) {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parseArgs({ args, options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new UserError(`${messageOf(error)}\n\n${usage}`);
  }
}
