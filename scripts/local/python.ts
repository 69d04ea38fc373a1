import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { run } from './command.ts';
import { Cancelled, UserError } from '../../cli/user-error.ts';
import type { Settings } from './settings.ts';

const candidates = [
  'python3',
  'python3.14',
  'python3.13',
  'python3.12',
  'python3.11',
  'python3.10',
];

/**
 * The Python of a virtual environment with the packages that `scripts/python/NAME.txt` pins,
 * installed when first asked for. Throws `UserError` where there is no Python 3.10 or no PyPI.
 */
export async function pythonWith(name: string, settings: Settings): Promise<string> {
  const pins = fileURLToPath(new URL(`../python/${name}.txt`, import.meta.url));
  const environment = join(settings.cache, 'venv', name);
  const python = join(environment, 'bin', 'python');
  if (await holds(python, pins)) return python;

  const base = await findPython();
  await mkdir(join(settings.cache, 'venv'), { recursive: true });
  // made aside and then put in place: what was cancelled is never taken for whole
  const fresh = `${environment}.${process.pid}`;
  await rm(fresh, { recursive: true, force: true });
  try {
    await install(base, fresh, pins, name);
    await rename(fresh, environment).catch(async () => {
      // one that another start put there meanwhile is in use
      if (await holds(python, pins)) return;
      await rm(environment, { recursive: true, force: true });
      await rename(fresh, environment);
    });
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return python;
}

async function holds(python: string, pins: string): Promise<boolean> {
  if (!existsSync(python)) return false;
  const check = [
    'import importlib.metadata as m, sys',
    'pins = [line.split("==") for line in open(sys.argv[1]) if "==" in line]',
    'sys.exit(any(m.version(name) != version.strip() for name, version in pins))',
  ];
  return (await run(python, ['-c', check.join('\n'), pins])).code === 0;
}

async function findPython(): Promise<string> {
  const check = 'import sys, venv; sys.exit(sys.version_info < (3, 10))';
  for (const python of candidates) {
    const found = await run(python, ['-c', check]).catch(unlessCancelled);
    if (found?.code === 0) return python;
  }
  throw new UserError('There is no Python 3.10 or later here');
}

function unlessCancelled(error: unknown): null {
  if (error instanceof Cancelled) throw error;
  return null;
}

async function install(base: string, environment: string, pins: string, name: string) {
  const pip = [
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '--no-input',
    '--retries',
    '2',
    '-r',
    pins,
  ];
  // without a pip of its own the environment is made in a tenth of the time
  const bare = await run(base, ['-m', 'venv', '--without-pip', environment]);
  if (bare.code === 0) {
    const python = join(environment, 'bin', 'python');
    const borrowed = await run(base, ['-m', 'pip', '--python', python, ...pip]);
    if (borrowed.code === 0) return;
  }
  const full = await run(base, ['-m', 'venv', '--clear', environment]);
  if (full.code !== 0)
    throw new UserError(`Python cannot make a virtual environment (${base} -m venv)`);
  const installed = await run(join(environment, 'bin', 'python'), ['-m', 'pip', ...pip]);
  if (installed.code === 0) return;
  // pip ends with "No matching distribution" when it reached no index at all
  const isOffline = /NewConnectionError|ConnectTimeout|ProxyError|NameResolution/.test(
    installed.stderr,
  );
  const last = installed.stderr.trim().split('\n').at(-1) ?? '';
  const why = isOffline ? 'PyPI does not answer' : last;
  throw new UserError(`${name} cannot be installed with pip: ${why}`);
}
