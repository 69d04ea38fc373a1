import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ClientBase } from 'pg';

import { readAuditHead } from '../db/audit-head.ts';
import {
  auditTables,
  beginSnapshot,
  columnsOf,
  copyIn,
  copyOut,
  countMigrations,
  type TableName,
  valueTables,
} from '../db/operations/copy-tables.ts';
import { withoutParameters } from '../db/query.ts';
import type { ChainPosition } from '../lib/audit/chain.ts';
import { UserError } from './user-error.ts';

/** A dump's own description, `manifest.json`; written last, so that a dump without is none. */
export interface Manifest {
  format: 'pii-vault/dump/1';
  takenAt: string;
  migrations: number;
  /** The last row of the audit when the dump was taken; the hash is in hex. */
  audit: { id: number; hash: string };
  tables: Partial<Record<TableName, DumpedTable>>;
}

interface DumpedTable {
  columns: string[];
  rows: number;
  sha256: string;
}

const format = 'pii-vault/dump/1';

/**
 * Writes a dump of one moment into a new directory, which only this user can read: a file a table,
 * in the text format of Postgres's `COPY`. Sealed values and data keys stay sealed and wrapped.
 * With `auditAlone`, nothing but the audit. Throws `UserError` when the directory exists.
 */
export async function writeDump(
  client: ClientBase,
  directory: string,
  { auditAlone = false } = {},
): Promise<Manifest> {
  const unfinished = `${directory}.unfinished`;
  await refuseExisting(directory);
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true, mode: 0o700 });
  await beginSnapshot(client);
  try {
    const head = await readAuditHead(client);
    const manifest: Manifest = {
      format,
      takenAt: new Date().toISOString(),
      migrations: await countMigrations(client),
      audit: { id: head.id, hash: Buffer.from(head.hash).toString('hex') },
      tables: {},
    };
    for (const name of [...(auditAlone ? [] : valueTables), ...auditTables]) {
      manifest.tables[name] = await writeTable(client, name, fileOf(unfinished, name));
    }
    await writeFile(join(unfinished, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`, {
      mode: 0o600,
    });
    await rename(unfinished, directory);
    return manifest;
  } finally {
    await withoutParameters(() => client.query('rollback'));
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function refuseExisting(directory: string): Promise<void> {
  const found = await readFile(join(directory, 'manifest.json')).catch(
    ({ code }: NodeJS.ErrnoException) => (code === 'ENOENT' ? null : code),
  );
  if (found !== null) throw new UserError(`${directory} holds a dump already`);
}

async function writeTable(client: ClientBase, name: TableName, path: string): Promise<DumpedTable> {
  const columns = columnsOf(name);
  const rows = copyOut(client, name, columns);
  const { through, sha256 } = hashing();
  await withoutParameters(() => pipeline(rows, through, createWriteStream(path, { mode: 0o600 })));
  return { columns, rows: Number(Reflect.get(rows, 'rowCount')), sha256: sha256() };
}

/** Reads what a dump says of itself. Throws `UserError` when it is none. */
export async function readManifest(directory: string): Promise<Manifest> {
  let manifest: Manifest;
  try {
    manifest = JSON.parse(await readFile(join(directory, 'manifest.json'), 'utf8')) as Manifest;
  } catch {
    throw new UserError(`${directory} is no dump: it has no manifest that can be read`);
  }
  if (manifest.format !== format) throw new UserError(`${directory} is no dump of this kind`);
  return manifest;
}

/** The last row of the audit within the dump. */
export function headOf({ audit }: Manifest): ChainPosition {
  return { id: audit.id, hash: Buffer.from(audit.hash, 'hex') };
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
): Promise<void> {
  for (const name of names) {
    const table = tables[name];
    // dumps of older releases have none: the next migrate writes them
    if (table === undefined && name === 'limits') continue;
    if (table === undefined) throw new UserError(`${directory} holds no ${name}`);
    const path = fileOf(directory, name);
    const { through, sha256 } = hashing();
    await readFileable(path);
    const target = copyIn(client, name, table.columns);
    await withoutParameters(() => pipeline(createReadStream(path), through, target));
    if (sha256() !== table.sha256) throw new UserError(`${path} is not as it was written`);
  }
}

async function readFileable(path: string): Promise<void> {
  const stream = createReadStream(path, { end: 0 });
  try {
    await stream.toArray();
  } catch {
    throw new UserError(`${path} cannot be read`);
  }
}

function fileOf(directory: string, name: TableName): string {
  return join(directory, `${name}.copy`);
}

function hashing(): { through: Transform; sha256: () => string } {
  const hash = createHash('sha256');
  const through = new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  return { through, sha256: () => hash.digest('hex') };
}
