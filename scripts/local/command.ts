import { type ChildProcess, spawn } from 'node:child_process';
import { appendFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { Cancelled, UserError } from '../../cli/user-error.ts';

export interface CommandOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** As another user, where this one is root. */
  uid?: number | undefined;
  gid?: number | undefined;
  /** A file that gets what the command prints, besides the caller. */
  log?: string;
}

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

const running = new Set<ChildProcess>();
let refusing = false;

/** Runs a program to its end. Throws `UserError` only if it cannot be started, or `Cancelled`. */
export async function run(
  command: string,
  parameters: readonly string[],
  { log, ...options }: CommandOptions = {},
): Promise<CommandResult> {
  if (refusing) throw new Cancelled();
  const result = await new Promise<CommandResult>((resolve, reject) => {
    const child = spawn(command, parameters, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    const printed = { stdout: '', stderr: '' };
    running.add(child);
    child.stdout.setEncoding('utf8').on('data', (text: string) => (printed.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (printed.stderr += text));
    child.once('error', (error) =>
      reject(new UserError(`${command} cannot be run: ${error.message}`)),
    );
    child.once('close', (code) => resolve({ code: code ?? 1, ...printed }));
    child.once('exit', () => running.delete(child));
  });
  if (log !== undefined) {
    await appendFile(
      log,
      `$ ${command} ${parameters.join(' ')}\n${result.stdout}${result.stderr}\n`,
    );
  }
  return result;
}

/**
 * Cancels `work`: ends the programs it waits for, lets it start no others, and waits until it
 * has come to its end, or for three seconds.
 */
export async function cancel(work: Promise<unknown>): Promise<void> {
  refusing = true;
  for (const child of running) child.kill('SIGTERM');
  await Promise.race([work.catch(() => undefined), sleep(3_000)]);
  refusing = false;
}
