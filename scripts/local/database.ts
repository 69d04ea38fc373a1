import { readFile } from 'node:fs/promises';
import { Client } from 'pg';

import { messageOf, UserError } from '../../cli/user-error.ts';
import { type Role, roles, rotationRole } from '../../db/roles.ts';
import type { Passwords } from './passwords.ts';

/** The database on this machine, and how to log in to it as each role. */
export interface LocalDatabase {
  host: string;
  port: number;
  passwords: Passwords;
  /** Its name, if it is not `databaseName`. */
  name?: string;
}

export const databaseName = 'vault';

const bootstrap = new URL('../../db/bootstrap.sql', import.meta.url);

/** A URL for `psql` and the like. */
export function databaseUrl(
  { host, port, passwords, name = databaseName }: LocalDatabase,
  user: 'postgres' | Role,
): string {
  return `postgresql://${user}:${passwords[user]}@${host}:${port}/${name}`;
}

/**
 * Does the administrator's part before the first migration: the database, what `db/bootstrap.sql`
 * says, and the roles' passwords. May be run again. Throws `UserError`.
 */
export async function prepareDatabase(database: LocalDatabase): Promise<void> {
  await asSuperuser(database, 'postgres', async (client) => {
    const found = await client.query('select from pg_database where datname = $1', [databaseName]);
    if (found.rowCount === 0) await client.query(`create database ${databaseName}`);
  });
  await asSuperuser(database, databaseName, async (client) => {
    await client.query(await readFile(bootstrap, 'utf8'));
  });
  await setPasswords(database);
}

/** Gives each of the vault's roles that exists by now its password. Throws `UserError`. */
export async function setPasswords(database: LocalDatabase): Promise<void> {
  // not in the vault's database, where roles can make objects
  await asSuperuser(database, 'postgres', async (client) => {
    const existing = await client.query<{ rolname: Role }>(
      'select rolname from pg_roles where rolname = any ($1)',
      [[...roles, rotationRole.name]],
    );
    for (const { rolname } of existing.rows) {
      const password = client.escapeLiteral(database.passwords[rolname]);
      await client.query(`alter role ${rolname} password ${password}`);
    }
  });
}

/** Whether a Postgres is there whose superuser has this password. */
export async function opensWith(database: LocalDatabase): Promise<boolean> {
  try {
    await asSuperuser(database, 'postgres', (client) => client.query('select 1'));
    return true;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}

/**
 * Runs `work` with a superuser's connection to that database. Names resolve in the catalogs only:
 * what another role has made is neither read nor called. Throws `UserError`.
 */
async function asSuperuser<T>(
  { host, port, passwords }: LocalDatabase,
  name: string,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client({
    host,
    port,
    user: 'postgres',
    password: passwords.postgres,
    database: name,
    options: '-c search_path=pg_catalog,pg_temp',
    connectionTimeoutMillis: 3_000,
  });
  // a database that stops meanwhile fails the query, not this process
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    throw new UserError(`The database at ${host}:${port} cannot be reached: ${messageOf(error)}`);
  }
  try {
    return await work(client);
  } catch (error) {
    throw new UserError(`The database at ${host}:${port} refused: ${messageOf(error)}`);
  } finally {
    await client.end().catch(() => undefined);
  }
}
