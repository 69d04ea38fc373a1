import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import { readMigrationFiles } from 'drizzle-orm/migrator';

import { DatabaseUnfit } from '../../lib/errors.ts';
import { type Connection, run, statement, withoutParameters } from '../query.ts';
import { sqlFolder } from '../sql-folder.ts';

const createTableStatement = statement(
  'create_migrations_table',
  // as drizzle-orm's own migrator makes it
  sql`create table if not exists vault.migrations
    (id serial primary key, hash text not null, created_at bigint)`,
);

const lastAppliedStatement = statement<{ created_at: string | null }>(
  'last_applied_migration',
  sql`select max(created_at)::text as created_at from vault.migrations`,
);

const recordStatement = statement(
  'record_migration',
  sql`insert into vault.migrations (hash, created_at)
    values (${sql.placeholder('hash')}::text, ${sql.placeholder('createdAt')}::bigint)`,
);

/**
 * Applies the migrations that this database lacks, within the caller's transaction: drizzle-orm's own
 * migrator begins and commits one of its own. Returns how many. Throws `DatabaseUnfit` for a database
 * that a newer release has migrated; and `DatabaseError`.
 */
export async function applyMigrations(connection: Connection): Promise<number> {
  const migrations = readMigrationFiles({
    migrationsFolder: fileURLToPath(new URL('migrations', sqlFolder)),
  });
  await runScript(connection, 'create schema if not exists vault');
  await run(connection, createTableStatement);
  const [row] = await run(connection, lastAppliedStatement);
  const last = Number(row?.created_at ?? 0);
  if (last > Math.max(...migrations.map(({ folderMillis }) => folderMillis))) {
    throw new DatabaseUnfit([
      'this database was migrated by a newer release of the vault: deploy that release or a later one',
    ]);
  }
  const pending = migrations.filter(({ folderMillis }) => folderMillis > last);
  for (const { sql: scripts, hash, folderMillis } of pending) {
    // what drizzle-kit writes without a schema is public.user_logins
    await runScript(connection, 'set local search_path = public, pg_temp');
    for (const script of scripts) await runScript(connection, script);
    await runScript(connection, 'set local search_path = pg_catalog, pg_temp');
    await run(connection, recordStatement, { hash, createdAt: folderMillis });
  }
  return pending.length;
}

/** The names of the SQL functions that belong to this release, one a file. */
export async function functionNames(): Promise<string[]> {
  const files = await readdir(new URL('functions/', sqlFolder));
  return files.filter((file) => file.endsWith('.sql')).map((file) => file.slice(0, -4));
}

/** Puts the present text of every function, every right and every comment in place. Throws `DatabaseError`. */
export async function applyFunctionsAndGrants(connection: Connection): Promise<void> {
  // a function may name another that comes later
  await runScript(connection, 'set local check_function_bodies = off');
  for (const name of await functionNames()) {
    await runScript(connection, await readSql(`functions/${name}.sql`));
  }
  await runScript(connection, await readSql('grants.sql'));
  await runScript(connection, await readSql('comments.sql'));
}

/** Grants the rights that exist only while the token key is rotated. Throws `DatabaseError`. */
export async function applyRotationGrants(connection: Connection): Promise<void> {
  await runScript(connection, await readSql('rotation-grants.sql'));
}

function readSql(name: string): Promise<string> {
  return readFile(new URL(name, sqlFolder), 'utf8');
}

async function runScript(connection: Connection, script: string): Promise<void> {
  await withoutParameters(() => connection.query(script));
}
