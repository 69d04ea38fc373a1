import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { lstat, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ClientBase } from 'pg';

import { readAuditHead } from '../db/audit-head.ts';
import { countMigrations } from '../db/count-migrations.ts';
import {
  auditTables,
  beginSnapshot,
  columnsOf,
  copyIn,
  copyOut,
  newerTables,
  readGeneration,
  type TableName,
  valueTables,
} from '../db/operations/copy-tables.ts';
import { withoutParameters } from '../db/query.ts';
import { encodePosition } from '../lib/audit/chain.ts';
import { type DumpedTable, dumpFormat, fileOf, type Manifest } from './manifest.ts';
import { unwritable } from './private-file.ts';
import { UserError } from './user-error.ts';

/** Called now and then with the number of rows written or loaded so far. */
export type RowsProgress = (rows: number) => void;

interface DumpOptions {
  auditOnly?: boolean;
  progress?: RowsProgress;
}

/**
 * Writes a dump of one moment into a new directory, which only this user can read: a file a table,
 * in the text format of Postgres's `COPY`. Sealed values and data keys stay sealed and wrapped.
 * With `auditOnly`, nothing but the audit. Throws `UserError` when it holds a dump already.
 */
export async function writeDump(
  client: ClientBase,
  directory: string,
  { auditOnly = false, progress = () => undefined }: DumpOptions = {},
): Promise<Manifest> {
  const unfinished = `${directory}.unfinished`;
  await refuseExisting(directory);
  await makeOwn(unfinished);
  await beginSnapshot(client);
  try {
    const head = await readAuditHead(client);
    const manifest: Manifest = {
      format: dumpFormat,
      takenAt: new Date().toISOString(),
      migrations: await countMigrations(client),
      generation: await readGeneration(client),
      audit: encodePosition(head),
      tables: {},
    };
    let rows = 0;
    for (const name of [...(auditOnly ? [] : valueTables), ...auditTables]) {
      const path = fileOf(unfinished, name);
      const table = await writeTable(client, name, path, (count) => progress(rows + count));
      manifest.tables[name] = table;
      rows += table.rows;
    }
    await writeFile(join(unfinished, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`, {
      mode: 0o600,
      flag: 'wx',
    });
    await rename(unfinished, directory).catch(refuseDirectory(directory));
    return manifest;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
    // a connection that is gone has rolled back
    await client.query('rollback').catch(() => undefined);
  }
}

async function refuseExisting(directory: string): Promise<void> {
  const found = await readFile(join(directory, 'manifest.json')).catch(
    ({ code }: NodeJS.ErrnoException) => (code === 'ENOENT' ? null : code),
  );
  if (found !== null)
    throw new UserError(`${directory} holds a dump already: choose another directory.`);
}

/**
 * Makes the directory, which nobody else can have made or can write to, in the place of one that an
 * interrupted backup of this user has left. Throws `UserError`.
 */
async function makeOwn(directory: string): Promise<void> {
  const found = await lstat(directory).catch(() => null);
  if (found !== null) {
    const isOurs = found.isDirectory() && found.uid === process.getuid?.();
    if (!isOurs || (found.mode & 0o077) !== 0) {
      throw new UserError(`${directory} is not what a backup of yours has left: remove it.`);
    }
    await rm(directory, { recursive: true });
  }
  try {
    await mkdir(dirname(directory), { recursive: true });
    // not recursive: it fails where another has just made it
    await mkdir(directory, { mode: 0o700 });
  } catch (error) {
    throw unwritable(directory, error);
  }
}

function refuseDirectory(directory: string): (error: unknown) => never {
  return (error) => {
    throw unwritable(directory, error);
  };
}

async function writeTable(
  client: ClientBase,
  name: TableName,
  path: string,
  progress: RowsProgress,
): Promise<DumpedTable> {
  const columns = columnsOf(name);
  const rows = copyOut(client, name, columns);
  const { through, sha256 } = hashing(progress);
  await withoutParameters(() =>
    pipeline(rows, through, createWriteStream(path, { mode: 0o600, flags: 'wx' })),
  );
  return { columns, rows: Number(Reflect.get(rows, 'rowCount')), sha256: sha256() };
}

/**
 * Loads the tables, within the caller's transaction, which must not commit when this throws:
 * `UserError` when a file is not what its manifest says, `DatabaseError`.
 */
export async function loadTables(
  client: ClientBase,
  directory: string,
  { tables }: Manifest,
  names: readonly TableName[],
  progress: RowsProgress = () => undefined,
): Promise<void> {
  let rows = 0;
  for (const name of names) {
    const table = tables[name];
    if (table === undefined && newerTables.has(name)) continue;
    if (table === undefined) throw new UserError(`${directory} holds no ${name}`);
    const path = fileOf(directory, name);
    const before = rows;
    const { through, sha256 } = hashing((count) => progress(before + count));
    await refuseUnreadable(path);
    const target = copyIn(client, name, table.columns);
    await withoutParameters(() => pipeline(createReadStream(path), through, target));
    if (sha256() !== table.sha256) throw new UserError(`${path} is not as it was written`);
    rows += table.rows;
  }
}

async function refuseUnreadable(path: string): Promise<void> {
  const stream = createReadStream(path, { end: 0 });
  try {
    await stream.toArray();
  } catch {
    throw new UserError(`${path} cannot be read`);
  }
}

/** Hashes what passes through, and counts its rows: COPY's text format has one a line. */
function hashing(progress: RowsProgress): { through: Transform; sha256: () => string } {
  const hash = createHash('sha256');
  let rows = 0;
  const through = new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk);
      for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) rows += 1;
      progress(rows);
      done(null, chunk);
    },
  });
  return { through, sha256: () => hash.digest('hex') };
}
