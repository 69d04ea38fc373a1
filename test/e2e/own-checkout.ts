import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseEnv } from 'node:util';

import { run } from '../../scripts/local/command.ts';
import { copyService } from '../../scripts/local/service-copy.ts';
import { readSettings } from '../../scripts/local/settings.ts';
import type { StackState } from '../../scripts/local/state.ts';
import { freePort } from '../helpers/cluster.ts';

/** The repository as someone has it who cloned it, with a `.local/` and ports of its own. */
export interface OwnCheckout {
  directory: string;
  /** Starts `npm NAME`, or `pii-vault` with its command, as npm does, in a process group of its own, as a shell does. */
  start(name: string, ...parameters: string[]): Command;
  /** Runs it to its end. */
  run(name: string, ...parameters: string[]): Promise<Ended>;
  /** The variables of `.local/env`. */
  variables(): Promise<Record<string, string>>;
  /** What lies in `.local/` beside logs and Python environments. */
  state(): Promise<string[]>;
  /** The pids of what the stack has up, and of all that these have begun. */
  processes(): Promise<number[]>;
  /** Ends whatever runs, and leaves nothing. */
  remove(): Promise<void>;
}

export interface Command {
  process: ChildProcess;
  /** Waits until it has printed this text. Throws when it ends without. */
  printed(text: string): Promise<void>;
  ended: Promise<Ended>;
}

export interface Ended {
  /** Null after a signal. */
  code: number | null;
  stdout: string;
  stderr: string;
}

const { service: repository, cache } = readSettings({});
const beside = [
  'cli',
  'client',
  'scripts',
  join('test', 'helpers'),
  join('test', 'fixtures'),
  'tsconfig.json',
];

/** Makes the copy; `environment` is added to this shell's, `python` lends it this one's venvs. */
export async function createOwnCheckout({
  environment = {},
  python,
}: {
  environment?: Readonly<Record<string, string>>;
  python: boolean;
}): Promise<OwnCheckout> {
  const directory = await mkdtemp(join(tmpdir(), 'pii-vault-checkout-'));
  const local = join(directory, '.local');
  await copyService(repository, directory);
  for (const name of beside) {
    await cp(join(repository, name), join(directory, name), { recursive: true });
  }
  await mkdir(local);
  if (python) await symlink(join(cache, 'venv'), join(local, 'venv'));
  const env = {
    ...withoutVault(process.env),
    VAULT_DATABASE_PORT: String(await freePort()),
    AWS_ENDPOINT_URL: `http://127.0.0.1:${await freePort()}`,
    ...environment,
  };

  const checkout: OwnCheckout = {
    directory,
    start: (name, ...parameters) => startCommand(directory, env, name, parameters),
    run: (...parameters) => checkout.start(...parameters).ended,
    async variables() {
      const variables = parseEnv(await readFile(join(local, 'env'), 'utf8'));
      return variables as Record<string, string>;
    },
    async state() {
      const names = await readdir(local);
      return names.filter((name) => !['log', 'venv'].includes(name));
    },
    async processes() {
      const state = JSON.parse(await readFile(join(local, 'stack.json'), 'utf8')) as StackState;
      const postmaster = join(state.postgres?.home ?? '', 'data', 'postmaster.pid');
      const roots = [Number.parseInt(await readFile(postmaster, 'utf8'), 10)];
      if (state.emulator !== undefined) roots.push(state.emulator.pid);
      return withDescendants(roots);
    },
    async remove() {
      await checkout.run('stop');
      await rm(directory, { recursive: true, force: true });
    },
  };
  return checkout;
}

/** These processes and all that they have begun. */
export async function withDescendants(roots: readonly number[]): Promise<number[]> {
  const processes = await running();
  const found = new Set(roots);
  // a parent's line may come after its child's
  for (let size = 0; size < found.size;) {
    size = found.size;
    for (const { pid, parent } of processes) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}

/**
 * Those that still run of the processes and of their groups, which hold what they have begun since.
 * What was asked to end has a moment for it.
 */
export async function stillRunning(pids: readonly number[]): Promise<number[]> {
  const gone = new Set(pids);
  for (let tries = 0; ; tries += 1) {
    const left = (await running()).filter(({ pid, group }) => gone.has(pid) || gone.has(group));
    if (left.length === 0 || tries === 10) return left.map(({ pid }) => pid);
    await sleep(100);
  }
}

/** All processes but such as have ended and wait for their parents to see it. */
async function running(): Promise<{ pid: number; parent: number; group: number }[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=,pgid=,stat=']);
  return stdout.split('\n').flatMap((line) => {
    const [pid, parent, group, state = 'Z'] = line.trim().split(/\s+/);
    if (state.startsWith('Z')) return [];
    return [{ pid: Number(pid), parent: Number(parent), group: Number(group) }];
  });
}

function startCommand(
  cwd: string,
  env: NodeJS.ProcessEnv,
  name: string,
  parameters: readonly string[],
): Command {
  const tsx = join('node_modules', 'tsx', 'dist', 'cli.mjs');
  const program =
    name === 'pii-vault'
      ? [join('cli', 'pii-vault.js')]
      : [tsx, '--no-warnings', join('scripts', `${name}.ts`)];
  const child = spawn(process.execPath, [...program, ...parameters], {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  let isOver = false;
  const ended = once(child, 'close').then(([code]) => {
    isOver = true;
    return { code: code as number | null, ...output };
  });
  return {
    process: child,
    async printed(text) {
      while (!output.stdout.includes(text)) {
        if (isOver) throw new Error(`never printed ${text}: ${output.stdout}${output.stderr}`);
        await sleep(20);
      }
    },
    ended,
  };
}

// what a developer has set for a stack of their own
function withoutVault(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) => !/^(AWS|VAULT)_|_QUEUE_URL$|DATABASE_URL$/.test(name),
    ),
  );
}
