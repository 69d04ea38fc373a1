import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inject } from 'vitest';

import { roles } from '../../db/roles.ts';

/** A command under way in a process of its own. */
export interface RunningCli {
  process: ChildProcess;
  /** Waits until it has printed this text, on standard output or standard error. */
  printed: (text: string) => Promise<void>;
  /** Its exit code, null after a signal, and what it printed. */
  ended: Promise<CliResult>;
}

export interface CliResult {
  code: number | null;
  /** Both standard output and standard error. */
  output: string;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  /** Variables of the process, besides PATH; by default it knows nothing of AWS. */
  environment?: Readonly<Record<string, string>>;
  /** What comes on standard input, which is not a terminal. */
  input?: string;
}

// the end-to-end tests run the command itself
const program =
  inject('cliBundle') ?? fileURLToPath(new URL('../../cli/pii-vault.js', import.meta.url));

/**
 * Starts `pii-vault COMMAND …` as a person would; `local` is what `npm start` wrote to `.local/env` and
 * `.local/roles.env`, null where no local stack is up.
 */
export function startCli(
  parameters: readonly string[],
  local: Readonly<Record<string, string>> | null,
  { environment = {}, input }: CliOptions = {},
): RunningCli {
  const directory = mkdtempSync(join(tmpdir(), 'pii-vault-cli-'));
  if (local !== null) {
    writeVariables(join(directory, 'env'), local);
    writeVariables(join(directory, 'roles.env'), { ...loginsOf(local['DATABASE_URL']), ...local });
  }
  const child = spawn(process.execPath, [program, ...parameters], {
    env: { PATH: process.env['PATH'], VAULT_LOCAL_DIR: directory, ...environment },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  child.stdin?.end(input);
  const result = { output: '', stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.setEncoding('utf8').on('data', (text: string) => {
      result[name] += text;
      result.output += text;
    });
  }
  let isOver = false;
  const ended = once(child, 'close').then(([code]) => {
    isOver = true;
    rmSync(directory, { recursive: true, force: true });
    return { code: code as number | null, ...result };
  });
  return {
    process: child,
    async printed(text) {
      while (!result.output.includes(text)) {
        if (isOver) throw new Error(`never printed ${text}: ${result.output}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    ended,
  };
}

/** Runs `pii-vault COMMAND …` to its end. */
export function runCli(...parameters: Parameters<typeof startCli>): Promise<CliResult> {
  return startCli(...parameters).ended;
}

function writeVariables(path: string, variables: Readonly<Record<string, string>>): void {
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(path, lines.join(''), { mode: 0o600 });
}

/** The logins of all roles, where these have the superuser's password. */
function loginsOf(superuser: string | undefined): Record<string, string> {
  if (superuser === undefined) return {};
  const logins = roles.map((role) => {
    const url = Object.assign(new URL(superuser), { username: role });
    return [`${role.toUpperCase()}_DATABASE_URL`, url.href];
  });
  return Object.fromEntries(logins) as Record<string, string>;
}
