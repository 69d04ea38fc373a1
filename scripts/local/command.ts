import type { ChildProcess } from 'node:child_process';
import { appendFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa, type Options } from 'execa';

import { Cancelled, UserError } from '../../cli/user-error.ts';

export interface CommandOptions extends Pick<Options, 'cwd' | 'uid' | 'gid'> {
  /** All of the command's environment; by default this process's. */
  env?: NodeJS.ProcessEnv;
  /** A file that gets what the command prints, besides the caller. */
  log?: string;
  /** A line of a program that does not end by itself after it: it is ended two seconds later, with the code 1. */
  lastLine?: RegExp;
}

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

const lastWordsMs = 2_000;

let cancelling = new AbortController();

/** Runs a program to its end. Throws `UserError` only if it cannot be started, or `Cancelled`. */
export async function run(
  command: string,
  parameters: readonly string[],
  { log, lastLine, env = process.env, ...options }: CommandOptions = {},
): Promise<CommandResult> {
  const cancelSignal = cancelling.signal;
  if (cancelSignal.aborted) throw new Cancelled();
  const running = execa(command, parameters, {
    ...options,
    env,
    extendEnv: false,
    stdin: 'ignore',
    stripFinalNewline: false,
    reject: false,
    cancelSignal,
  });
  if (lastLine !== undefined) endAfter(lastLine, running);
  const result = await running;
  const { exitCode: code = 1, stdout, stderr } = result;
  if (log !== undefined) {
    await appendFile(log, `$ ${command} ${parameters.join(' ')}\n${stdout}${stderr}\n`);
  }
  if (result.isCanceled) throw new Cancelled();
  if (result.cause !== undefined && result.exitCode === undefined && !result.isTerminated) {
    throw new UserError(`${command} cannot be run: ${result.originalMessage}`);
  }
  return { code, stdout, stderr };
}

type Running = Pick<ChildProcess, 'stdout' | 'stderr' | 'once'> & { kill: () => boolean };

function endAfter(lastLine: RegExp, running: Running): void {
  let printed = '';
  const look = (text: unknown) => {
    const before = lastLine.test(printed);
    printed += String(text);
    if (before || !lastLine.test(printed)) return;
    const ending = setTimeout(() => running.kill(), lastWordsMs);
    running.once('exit', () => clearTimeout(ending));
  };
  running.stdout?.on('data', look);
  running.stderr?.on('data', look);
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
