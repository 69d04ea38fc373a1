import { randomUUID } from 'node:crypto';
import { Client, Pool } from 'pg';
import { inject } from 'vitest';

import { createPool } from '../../db/pool.ts';
import type { Role } from '../../db/roles.ts';
import { testPassword } from './cluster.ts';

const superuser = { user: 'postgres', password: testPassword };

/** A migrated database of its own, on the real Postgres of this worker. */
export interface TestDatabase {
  name: string;
  port: number;
  /** The superuser's connection, for looking at what happened and for tampering. */
  admin: Pool;
  /** A pool as the functions make it, logged in as that role; on another port through a proxy. */
  as: (role: Role, port?: number) => Pool;
  drop: () => Promise<void>;
}

/**
 * Clones the template database; null makes an empty one. `port` is that of another server. `close`
 * ends all connections to it, so that it can be cloned itself.
 */
export async function createTestDatabase(
  from: string | null = inject('templateDatabase'),
  port: number = workerPort(),
): Promise<TestDatabase & { close: () => Promise<void> }> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const maintenance = new Client({ host: '127.0.0.1', port, ...superuser, database: 'postgres' });
  await maintenance.connect();
  // the fastest way where nothing waits for the disk
  const template = from === null ? '' : ` template ${from} strategy file_copy`;
  await maintenance.query(`create database ${name}${template}`);
  // a clone has not the rights on its template, which db/bootstrap.sql changes
  if (from !== null) await maintenance.query(`revoke temporary on database ${name} from public`);

  const database = openDatabase(name, port);
  return {
    ...database,
    drop: async () => {
      await database.close();
      await maintenance.query(`drop database ${name} with (force)`);
      await maintenance.end();
    },
  };
}

/** The port of the Postgres that only this worker's files use, one after the other. */
function workerPort(): number {
  const ports = inject('databasePorts');
  return ports[(Number(process.env['VITEST_POOL_ID']) - 1) % ports.length]!;
}

/** The pools of a database that exists; `close` ends them. */
export function openDatabase(
  name: string,
  port: number,
): Omit<TestDatabase, 'drop'> & { close: () => Promise<void> } {
  const pools: Pool[] = [];
  const admin = new Pool({ host: '127.0.0.1', port, ...superuser, database: name, max: 4 });
  // a crash ends connections, also those in use, and must not end this process
  admin.on('error', () => undefined);
  admin.on('connect', (client) => client.on('error', () => undefined));
  return {
    name,
    port,
    admin,
    as: (role, through = port) => {
      const pool = createPool({
        host: '127.0.0.1',
        port: through,
        database: name,
        user: role,
        password: testPassword,
        tls: false,
      });
      pools.push(pool);
      return pool;
    },
    close: async () => {
      await Promise.all([admin, ...pools].filter((pool) => !pool.ending).map((pool) => pool.end()));
    },
  };
}
