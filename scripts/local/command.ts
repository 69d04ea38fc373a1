import { appendFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa, type Options } from 'execa';

import { Cancelled, UserError } from '../../cli/user-error.ts';

export interface CommandOptions extends Pick<Options, 'cwd' | 'uid' | 'gid'> {
  /** All of the command's environment; by default this process's. */
  env?: NodeJS.ProcessEnv;
  /** A file that gets what the command prints, besides the caller. */
  log?: string;
}

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

let cancelling = new AbortController();

/** Runs a program to its end. Throws `UserError` only if it cannot be started, or `Cancelled`. */
export async function run(
  command: string,
  parameters: readonly string[],
  { log, env = process.env, ...options }: CommandOptions = {},
): Promise<CommandResult> {
  const cancelSignal = cancelling.signal;
  if (cancelSignal.aborted) throw new Cancelled();
  const result = await execa(command, parameters, {
    ...options,
    env,
    extendEnv: false,
    stdin: 'ignore',
    stripFinalNewline: false,
    reject: false,
    cancelSignal,
  });
  const { exitCode: code = 1, stdout, stderr } = result;
  if (log !== undefined) {
    await appendFile(log, `$ ${command} ${parameters.join(' ')}\n${stdout}${stderr}\n`);
  }
  if (result.isCanceled) throw new Cancelled();
  if (result.cause !== undefined && result.exitCode === undefined) {
    throw new UserError(`${command} cannot be run: ${result.originalMessage}`);
  }
  return { code, stdout, stderr };
}

/**
 * Cancels `work`: ends the programs it waits for, lets it start no others, and waits until it
 * has come to its end, or for three seconds.
 */
export async function cancel(work: Promise<unknown>): Promise<void> {
  cancelling.abort();
  await Promise.race([work.catch(() => undefined), sleep(3_000)]);
  cancelling = new AbortController();
}
