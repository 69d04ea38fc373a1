import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';

import { messageOf } from '../../cli/user-error.ts';

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
    return process.exit(1);
  }
}
