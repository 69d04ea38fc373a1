import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A script under way in a process of its own. */
export interface RunningScript {
  process: ChildProcess;
  /** Its exit code, null after a signal, and all that it printed. */
  ended: Promise<{ code: number | null; output: string }>;
}

/** Starts `cli/NAME.ts` as npm would; `environment` is all it knows of databases and AWS. */
export function startScript(
  name: string,
  parameters: readonly string[],
  environment: Readonly<Record<string, string>>,
): RunningScript {
  const path = fileURLToPath(new URL(`../../cli/${name}.ts`, import.meta.url));
  const child = spawn(process.execPath, ['--no-warnings', '--import', 'tsx', path, ...parameters], {
    env: { PATH: process.env['PATH'], VAULT_LOCAL_DIR: '/nowhere', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, output }));
  return { process: child, ended };
}

/** Runs `cli/NAME.ts` to its end. */
export function runScript(...parameters: Parameters<typeof startScript>): RunningScript['ended'] {
  return startScript(...parameters).ended;
}
