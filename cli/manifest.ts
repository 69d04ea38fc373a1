import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';

import {
  auditTables,
  columnsOf,
  type TableName,
  valueTables,
} from '../db/operations/copy-tables.ts';
import { UserError } from './user-error.ts';

export const dumpFormat = 'pii-vault/dump/1';

const count = z.int().nonnegative();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const table = z.object({ columns: z.array(z.string()).nonempty(), rows: count, sha256 });

const manifestSchema = z.object({
  format: z.literal(dumpFormat),
  takenAt: z.iso.datetime(),
  migrations: count,
  /** Of the tokens in it; dumps of older releases do not say it. */
  generation: z.int().positive().optional(),
  /** The last row of the audit when the dump was taken; the hash is in hex. */
  audit: z.object({ id: count, hash: sha256 }),
  tables: z
    .partialRecord(z.enum([...valueTables, ...auditTables]), table)
    .refine((tables) => Object.entries(tables).every(hasKnownColumns)),
});

/** A dump's own description, `manifest.json`. It is written last: without it, a dump is incomplete. */
export type Manifest = z.infer<typeof manifestSchema>;

/** A table of a dump, as its manifest describes it. */
export type DumpedTable = z.infer<typeof table>;

/**
 * Reads a dump's manifest, and compares the head of the audit that it names with that in the dump.
 * Throws `UserError` when the directory is not a dump, or its manifest is not valid.
 */
export async function readManifest(directory: string): Promise<Manifest> {
  const content = await readJson(join(directory, 'manifest.json')).catch(() => {
    throw new UserError(`${directory} is not a dump: it has no readable manifest`);
  });
  const format = z.object({ format: z.string() }).safeParse(content);
  if (format.success && format.data.format !== dumpFormat) {
    throw new UserError(`${directory} is a dump of another format`);
  }
  const { data: manifest, error } = manifestSchema.safeParse(content);
  if (manifest === undefined) {
    const place = error.issues[0]?.path.join('.') ?? '';
    throw new UserError(`The manifest of ${directory} is not valid${place && `: ${place}`}`);
  }
  await compareHead(directory, manifest);
  return manifest;
}

/** The file of a table. */
export function fileOf(directory: string, name: TableName): string {
  return join(directory, `${name}.copy`);
}

async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8')) as unknown;
}

function hasKnownColumns([name, { columns }]: [string, DumpedTable]): boolean {
  const known = columnsOf(name as TableName);
  return new Set(columns).size === columns.length && columns.every((one) => known.includes(one));
}

/** The head decides which erasures are applied again: it must be the one that the dump itself holds. */
async function compareHead(directory: string, { audit, tables }: Manifest): Promise<void> {
  const path = fileOf(directory, 'audit_head');
  const columns = tables.audit_head?.columns;
  if (columns === undefined) throw new UserError(`${directory} holds no audit_head`);
  const values = (await readStart(path)).split('\n')[0]!.split('\t');
  const row = new Map(columns.map((name, place) => [name, values[place]]));
  // COPY writes a bytea as \\x and its digits
  const isSame = row.get('id') === String(audit.id) && row.get('hash') === `\\\\x${audit.hash}`;
  if (!isSame) {
    throw new UserError(`The manifest of ${directory} contradicts the audit that it describes`);
  }
}

/** What a file begins with: the head is one short line. */
async function readStart(path: string): Promise<string> {
  try {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(1_024), 0, 1_024, 0);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch {
    throw new UserError(`${path} cannot be read`);
  }
}
