import { readFile } from 'node:fs/promises';
import { Client } from 'pg';

import { roles } from '../../db/roles.ts';
import { UserError, messageOf } from '../../cli/user-error.ts';

/** How people and scripts on this machine reach the database, as its superuser. */
export interface LocalDatabase {
  host: string;
  port: number;
  password: string;
}

export const databaseName = 'vault';

const bootstrap = new URL('../../db/bootstrap.sql', import.meta.url);

/** A URL for `psql` and the like. */
export function databaseUrl({ host, port, password }: LocalDatabase, user: string): string {
  return `postgresql://${user}:${password}@${host}:${port}/${databaseName}`;
}

/**
 * Does the administrator's part before the first migration: the database, what `db/bootstrap.sql`
 * says, and a way in for the migrator. May be run again. Throws `UserError`.
 */
export async function prepareDatabase(database: LocalDatabase): Promise<void> {
  await withClient(database, 'postgres', async (client) => {
    const found = await client.query('select from pg_database where datname = $1', [databaseName]);
    if (found.rowCount === 0) await client.query(`create database ${databaseName}`);
  });
  await withClient(database, databaseName, async (client) => {
    await client.query(await readFile(bootstrap, 'utf8'));
  });
  await setPasswords(database);
}

/** Gives the cluster's password to each of the vault's roles that exists by now. */
export async function setPasswords(database: LocalDatabase): Promise<void> {
  await withClient(database, databaseName, async (client) => {
    const existing = await client.query<{ rolname: string }>(
      'select rolname from pg_roles where rolname = any ($1)',
      [roles],
    );
    for (const { rolname } of existing.rows) {
      await client.query(
        `alter role ${rolname} password ${client.escapeLiteral(database.password)}`,
      );
    }
  });
}

/** Runs `work` with a superuser's connection to the vault's database. */
export function asSuperuser<T>(
  database: LocalDatabase,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  return withClient(database, databaseName, work);
}

async function withClient<T>(
  { host, port, password }: LocalDatabase,
  name: string,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client({
    host,
    port,
    user: 'postgres',
    password,
    database: name,
    connectionTimeoutMillis: 3_000,
  });
  // a database that ends under it fails the query, not this process
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    throw new UserError(`The database at ${host}:${port} cannot be reached: ${messageOf(error)}`);
  }
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Whether a Postgres is there whose superuser has this password. */
export async function opensWith(database: LocalDatabase): Promise<boolean> {
  try {
    await withClient(database, 'postgres', (client) => client.query('select 1'));
    return true;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}
