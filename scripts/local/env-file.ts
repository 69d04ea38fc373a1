import { roles, rotationRole } from '../../db/roles.ts';
import { databaseUrl, type LocalDatabase } from './database.ts';
import type { Queues } from './queues.ts';
import type { LocalUrls } from './running-vault.ts';
import { awsVariables, type Settings } from './settings.ts';
import { readState, writePrivately } from './state.ts';

/**
 * Writes `.local/env`, for scripts and people, and `.local/roles.env`, with the login of every
 * database role: `NAME=value` lines that a shell reads with `set -a; . .local/env`. Without `urls`
 * the functions have no signed URLs.
 */
export async function writeEnvFiles(
  settings: Settings,
  database: LocalDatabase,
  queues: Queues,
  urls: LocalUrls | null = null,
): Promise<void> {
  const env = {
    ...awsVariables(settings),
    LOGIN_QUEUE_URL: queues.login,
    DEAD_LETTER_QUEUE_URL: queues.deadLetter,
    ...urls,
    DATABASE_URL: databaseUrl(database, 'postgres'),
    ANALYST_DATABASE_URL: databaseUrl(database, 'vault_analyst'),
    AUDITOR_DATABASE_URL: databaseUrl(database, 'vault_auditor'),
  };
  const { rotation } = await readState(settings);
  const existing = rotation === 'on' ? [...roles, rotationRole.name] : roles;
  const logins = existing.map((role) => [`${role.toUpperCase()}_DATABASE_URL`, role] as const);
  const rolesEnv = logins.map(([name, role]) => [name, databaseUrl(database, role)] as const);
  await writePrivately(settings, 'env', lines(Object.entries(env)));
  await writePrivately(settings, 'roles.env', lines(rolesEnv));
}

/** As a shell and `parseEnv` of `node:util` read them. Throws at a value that one of them cannot. */
export function lines(variables: readonly (readonly [string, string])[]): string {
  return variables
    .map(([name, value]) => {
      if (/^[\w@%+=:,./-]*$/.test(value)) return `${name}=${value}\n`;
      if (/['\n]/.test(value)) throw new Error(`${name} cannot be written to a file for shells`);
      return `${name}='${value}'\n`;
    })
    .join('');
}
