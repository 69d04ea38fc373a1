import { Pool, type PoolClient } from 'pg';

import { readAuditHead } from '../db/audit-head.ts';
import {
  analyzeTables,
  auditTables,
  isEmpty,
  isMigrated,
  valueTables,
  whileAuditIsOpen,
} from '../db/operations/copy-tables.ts';
import { migrate } from '../db/migrate/migrate.ts';
import { transaction } from '../db/query.ts';
import { readAudit } from '../db/read-audit.ts';
import { reapplyErasures } from '../db/operations/reapply-erasures.ts';
import { type ChainPosition, chainStart, verifyChain } from '../lib/audit/chain.ts';
import { UserError } from './user-error.ts';
import { headOf, loadTables, readManifest } from './dump.ts';

const notEmpty = 'The database is not empty';

export interface Restored {
  /** Rows by table. */
  rows: Record<string, number>;
  /** Values that had been erased after the dump was taken, and are erased again. */
  erasedAgain: number;
  /** The last row of the audit, which has verified up to it. */
  head: ChainPosition;
}

/** A pool whose connections act as the vault's owner, whoever logs in: so the owner is the same. */
export function ownersPool(connectionString: string): Pool {
  const pool = new Pool({ connectionString, max: 1, options: '-c role=vault_migrator' });
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/**
 * Restores a dump into an empty database on which `db/bootstrap.sql` has run: migrates it, loads
 * the values from `from` and the audit from `audit`, verifies the chain against the heads of
 * both, and erases again what was erased after the dump. All or nothing. Throws `UserError`.
 *
 * The audit must be the newest that can be had, and never the older one of the dump: rows since
 * then tell who has seen what, and which values must not come back. It is a later dump, or the
 * audit alone of the database that is to be replaced (`npm run backup -- --audit-alone`).
 */
export async function restoreDump(pool: Pool, from: string, audit: string): Promise<Restored> {
  const [dump, newest] = [await readManifest(from), await readManifest(audit)];
  if (newest.audit.id < dump.audit.id) {
    throw new UserError(`The audit of ${audit} is older than that of ${from}`);
  }
  // before the migrations: a database in use is left alone
  if ((await isMigrated(pool)) && !(await isEmpty(pool))) throw new UserError(notEmpty);
  await migrate(pool);
  const restored = await transaction(pool, async (connection) => {
    const client = connection as PoolClient;
    if (!(await isEmpty(client))) throw new UserError(notEmpty);
    await loadTables(client, from, dump, valueTables);
    await whileAuditIsOpen(client, () => loadTables(client, audit, newest, auditTables));
    await verify(client, [headOf(dump), headOf(newest)]);
    const erasedAgain = await reapplyErasures(client, dump.audit.id);
    const tables = [
      ...valueTables.map((name) => [name, dump.tables[name]?.rows ?? 0] as const),
      ...auditTables.map((name) => [name, newest.tables[name]?.rows ?? 0] as const),
    ];
    return { rows: Object.fromEntries(tables), erasedAgain, head: await readAuditHead(client) };
  });
  await analyzeTables(pool);
  return restored;
}

async function verify(client: PoolClient, heads: readonly ChainPosition[]): Promise<void> {
  const known = [...heads, await readAuditHead(client)];
  const { head, broken } = await verifyChain(readAudit(client), chainStart, known);
  if (broken !== null)
    throw new UserError(`Nothing was restored: audit row ${broken.id} ${broken.problem}`);
  const last = heads.at(-1)!;
  if (head.id !== last.id)
    throw new UserError('Nothing was restored: the audit goes beyond its head');
}
