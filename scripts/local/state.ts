import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Role } from '../../db/roles.ts';
import type { Settings } from './settings.ts';

/** A Postgres cluster of this stack. */
export interface PostgresState {
  port: number;
  /** The superuser's. */
  password: string;
  /** Holds the cluster, its log and, where needed, the programs. */
  home: string;
  programs: string;
  uid?: number;
  gid?: number;
}

/** An emulator that this stack started. */
export interface EmulatorState {
  pid: number;
  home: string;
}

/** What is up, and what `stages/local.cjs` tells `sls` about it. */
export interface StackState {
  emulatorHost?: string;
  emulatorPort?: number;
  databaseHost?: string;
  databasePort?: number;
  /** Those of the vault's roles. */
  databasePasswords?: Partial<Record<Role, string>>;
  emulator?: EmulatorState;
  postgres?: PostgresState;
  /** The generation of the token key that is deployed, and whether it is rotated. */
  tokenGeneration?: number;
  rotation?: 'on' | 'off';
  /** It was stopped, and its data are there for the next start. */
  isKept?: boolean;
}

/** Reads what an earlier start wrote down; nothing is an empty state. */
export async function readState({ directory }: Settings): Promise<StackState> {
  try {
    return JSON.parse(await readFile(join(directory, 'stack.json'), 'utf8')) as StackState;
  } catch {
    return {};
  }
}

/** Adds to what is written down, at once: a stop must find whatever a broken start has left. */
export async function addState(settings: Settings, addition: StackState): Promise<void> {
  const state = { ...(await readState(settings)), ...addition };
  await writePrivately(settings, 'stack.json', `${JSON.stringify(state, null, 2)}\n`);
}

/** Forgets the stack. The logs stay, for finding out what went wrong. */
export async function forgetState(settings: Settings): Promise<void> {
  await rm(join(settings.directory, 'stack.json'), { force: true });
  await removeEnvFiles(settings);
}

/** Removes what tells people and scripts how to reach the stack. */
export async function removeEnvFiles({ directory }: Settings): Promise<void> {
  for (const name of ['env', 'roles.env']) await rm(join(directory, name), { force: true });
}

/** Writes a file that only this user may read, whole or not at all. */
export async function writePrivately(
  { directory }: Settings,
  name: string,
  content: string,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, name);
  await writeFile(`${path}.new`, content, { mode: 0o600 });
  await rename(`${path}.new`, path);
}
