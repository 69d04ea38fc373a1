import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';

import { UserError } from './user-error.ts';

type Variables = Readonly<Record<string, string | undefined>>;

const repository = fileURLToPath(new URL('..', import.meta.url));

/** What `npm start` wrote down about the stack on this machine. */
export interface LocalFiles {
  /** `.local/env`: addresses for people. */
  env: Variables;
  /** `.local/roles.env`: the login of every database role. */
  roles: Variables;
}

/** Where `npm start` writes down what is up; the commands may keep files there for a while. */
export function localDirectory(environment: Variables = process.env): string {
  return resolve(environment['VAULT_LOCAL_DIR'] ?? join(repository, '.local'));
}

/** Reads what `npm start` wrote. Throws `UserError` where no stack is up. */
export async function readLocalFiles(): Promise<LocalFiles> {
  const directory = localDirectory();
  const env = await readEnvFile(join(directory, 'env'));
  if (env === null) {
    const starting = await startingProcess(directory);
    throw new UserError(
      starting === null
        ? 'The local stack is not running: start it with npm start, or name a deployed --stage.'
        : `The local stack is starting (process ${starting}): try again when npm start has finished.`,
    );
  }
  return { env, roles: (await readEnvFile(join(directory, 'roles.env'))) ?? {} };
}

/** The variable of that name. Throws `UserError` where the local stack has none. */
export function localVariable({ env }: LocalFiles, name: string): string {
  const value = env[name];
  if (value) return value;
  throw new UserError(`The local stack has no ${name}: it runs without an AWS emulator.`);
}

/** The URL by which a role logs in to the local database. Throws `UserError`. */
export function localDatabaseUrl({ roles }: LocalFiles, role: string): string {
  const url = roles[`${role.toUpperCase()}_DATABASE_URL`];
  if (url) return url;
  throw new UserError(
    `.local/roles.env has no login for ${role}: stop the stack and start it again.`,
  );
}

/** The access key of one of the people that `npm start` makes. Throws `UserError`. */
export async function localIdentity(
  name: string,
): Promise<{ accessKeyId: string; secretAccessKey: string }> {
  const path = join(localDirectory(), 'identities.json');
  const people = await readFile(path, 'utf8').then(
    (text) => JSON.parse(text) as Record<string, { accessKeyId: string; secretAccessKey: string }>,
    () => null,
  );
  if (people === null) {
    throw new UserError('The local stack has no identities: it runs without an AWS emulator.');
  }
  const found = Object.entries(people).find(([person]) => person === name)?.[1];
  if (found !== undefined) return found;
  const hint =
    name === 'approver' || name === 'on-call'
      ? ` Set revealApprovalAbove in stages/local.yml and run npm start again: that makes ${name}.`
      : '';
  throw new UserError(`--as is one of ${Object.keys(people).join(', ')}.${hint}`);
}

/** The process of an `npm start` that has not finished; null where there is none. */
async function startingProcess(directory: string): Promise<number | null> {
  const lock = await readFile(join(directory, 'lock'), 'utf8').catch(() => '');
  const pid = Number(/^(\d+) start\n$/.exec(lock)?.[1] ?? Number.NaN);
  try {
    // signal 0 only asks whether there is such a process
    return process.kill(pid, 0) ? pid : null;
  } catch {
    return null;
  }
}

/** The variables of a file; null where there is no file. */
async function readEnvFile(path: string): Promise<Variables | null> {
  try {
    return parseEnv(await readFile(path, 'utf8'));
  } catch {
    return null;
  }
}
