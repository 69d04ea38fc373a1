import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

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
    throw new UserError(
      'The local stack is not running: start it with npm start, or name a deployed --stage.',
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

/** The URL by which a role logs in to the local database. */
export function localDatabaseUrl({ env, roles }: LocalFiles, role: string): string {
  const own = roles[`${role.toUpperCase()}_DATABASE_URL`];
  if (own) return own;
  // a stack of an earlier release: all its roles have one password
  const url = new URL(localVariable({ env, roles }, 'DATABASE_URL'));
  url.username = role;
  return url.href;
}

/** The `NAME=value` lines of a file, which a shell may have quoted; null where there is no file. */
async function readEnvFile(path: string): Promise<Variables | null> {
  let text;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    return null;
  }
  const lines = [...text.matchAll(/^(?:export )?(\w+)=(.*)$/gm)];
  return Object.fromEntries(
    lines.map(([, name = '', value = '']) => [name, value.replace(/^(['"])(.*)\1$/, '$2')]),
  );
}
