import { totalmem } from 'node:os';

import { Client } from 'pg';

import { ingest } from '../../lib/ingest/ingest.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { startPostgres, templateDatabase, testPassword } from '../helpers/postgres.ts';
import { ingestDeps } from '../helpers/vault.ts';
import { connect, type Place } from './connect.ts';
import { sharedKms } from './keys.ts';
import { seedBatches } from './workload.ts';

/**
 * A Postgres of the benchmark's own, as Postgres's documentation sizes a server: a quarter of the machine's memory for its
 * buffers, and checkpoints by time. Every commit is on disk.
 */
export interface Cluster {
  port: number;
  /** A migrated database, its vault holding the values 0 to `held` − 1 of both kinds. */
  create: (held: number) => Promise<Place>;
  drop: (place: Place) => Promise<void>;
  /** Refuses settings that would make writing cheaper than in production. */
  settings: () => Promise<Record<string, string>>;
  stop: () => Promise<void>;
}

export async function startCluster(): Promise<Cluster> {
  // autovacuum comes once a minute, and would slow down whatever is measured just then
  const { port, stop } = await startPostgres([
    'autovacuum=off',
    'fsync=on',
    `shared_buffers=${Math.floor(totalmem() / 4 / 2 ** 20)}MB`,
    'max_wal_size=16GB',
  ]);
  const maintenance = new Client({
    host: '127.0.0.1',
    port,
    user: 'postgres',
    password: testPassword,
    database: 'postgres',
  });
  maintenance.on('error', () => undefined);
  await maintenance.connect();
  const seeded = new Map<number, string>();
  let databases = 0;

  const clone = async (template: string, held: number): Promise<Place> => {
    databases += 1;
    const database = `bench_${databases}`;
    await maintenance.query(`create database ${database} template ${template}`);
    return { port, database, password: testPassword, held };
  };

  return {
    port,
    create: async (held) => {
      let template = seeded.get(held);
      if (template === undefined) {
        const place = await clone(templateDatabase, 0);
        await withDatabase(place, (database) => seed(database, held));
        template = place.database;
        seeded.set(held, template);
      }
      return clone(template, held);
    },
    drop: async ({ database }) => {
      await maintenance.query(`drop database ${database} with (force)`);
    },
    settings: async () => {
      const { rows } = await maintenance.query<{ name: string; setting: string }>(
        `select name, current_setting(name) as setting from pg_settings where name in (
          'server_version', 'fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers',
          'max_wal_size', 'wal_compression')`,
      );
      const settings = Object.fromEntries(rows.map(({ name, setting }) => [name, setting]));
      for (const name of ['fsync', 'synchronous_commit', 'full_page_writes']) {
        if (settings[name] !== 'on') throw new Error(`${name} must be on`);
      }
      return settings;
    },
    stop: async () => {
      await stop();
      await maintenance.end();
    },
  };
}

async function seed(database: TestDatabase, held: number): Promise<void> {
  const deps = ingestDeps(database, sharedKms());
  for (const batch of seedBatches(held)) await ingest(batch, deps);
  await database.admin.query('vacuum analyze');
}

/** Runs `work` with connections to the database, and closes them. */
export async function withDatabase<T>(
  place: Place,
  work: (database: TestDatabase) => Promise<T>,
): Promise<T> {
  const database = connect(place);
  try {
    return await work(database);
  } finally {
    await database.drop();
  }
}

export interface Counts {
  messages: number;
  logins: number;
  values: number;
}

/** The rows that are there. */
export async function countRows(database: TestDatabase): Promise<Counts> {
  const { rows } = await database.admin.query<Counts>(
    `select
      (select count(*) from vault.ingested_messages)::integer as messages,
      (select count(*) from public.user_logins)::integer as logins,
      (select count(*) from vault.pii_vault)::integer as values`,
  );
  return rows[0]!;
}
