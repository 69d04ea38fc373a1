import type { Pool, PoolClient } from 'pg';

import { readAuditHead } from '../db/audit-head.ts';
import {
  auditTables,
  emptyGeneration,
  isEmpty,
  isMigrated,
  readGeneration,
  type TableName,
  valueTables,
  whileAuditIsOpen,
  whileTokensAreText,
  whileUnchecked,
} from '../db/operations/copy-tables.ts';
import { pinSession } from '../db/operations/pin-session.ts';
import { migrate } from '../db/migrate/migrate.ts';
import { type Connection, transaction } from '../db/query.ts';
import { readAudit } from '../db/read-audit.ts';
import { countLaterErasures, reapplyErasures } from '../db/operations/reapply-erasures.ts';
import { type ChainPosition, chainStart, decodePosition, verifyChain } from '../lib/audit/chain.ts';
import { UserError } from './user-error.ts';
import { loadTables, type RowsProgress } from './dump.ts';
import { type Manifest, readManifest } from './manifest.ts';

/** Begins to show a stage of the restore, of so many rows; returns what tells how far it is. */
export type RestoreProgress = (title: string, rows: number) => RowsProgress;

const notEmpty = 'The database is not empty';
const owner = 'vault_migrator';

export interface Restored {
  /** Rows by table. */
  rows: Record<string, number>;
  /** Values that had been erased after the dump was taken, and are erased again. */
  erasedAgain: number;
  /** Erased since then under tokens of a later generation: what the copy holds of them is still there. */
  erasedLater: number;
  /** The generation of the tokens. */
  generation: number;
  /** The last row of the audit, which has verified up to it. */
  head: ChainPosition;
}

/**
 * Restores a dump into an empty database on which `db/bootstrap.sql` has run: migrates it, loads
 * the values from `from` and the audit from `audit`, verifies the chain against the heads of
 * both, and erases again what was erased after the dump. All or nothing. Throws `UserError`.
 *
 * The audit must be the newest that can be had, and never the older one of the dump: rows since
 * then tell who has seen what, and which values must not come back. It is a later dump, or the
 * only the audit of the database that is to be replaced (`backup --audit-only`).
 *
 * Only as vault_migrator, which owns all that it makes: what this role has put into the database
 * runs in the session, with the rights of the role that logged in.
 */
export async function restoreDump(
  pool: Pool,
  from: string,
  audit: string,
  progress: RestoreProgress = () => () => undefined,
): Promise<Restored> {
  const [dump, newest] = [await readManifest(from), await readManifest(audit)];
  if (newest.audit.id < dump.audit.id) {
    throw new UserError(`The audit of ${audit} is older than that of ${from}`);
  }
  await pinAsOwner(pool);
  // before the migrations: a database in use is not touched
  if ((await isMigrated(pool)) && !(await isEmpty(pool))) throw new UserError(notEmpty);
  await migrate(pool);
  return transaction(pool, async (connection) => {
    const client = connection as PoolClient;
    // again: the pool may have replaced a connection that was lost
    await pinAsOwner(client);
    if (!(await isEmpty(client))) throw new UserError(notEmpty);
    await whileUnchecked(client, async () => {
      const loadedValues = progress('Loading values', rowsOf(dump, valueTables));
      const load = () => loadTables(client, from, dump, valueTables, loadedValues);
      if (dump.tables.token_generation === undefined) await whileTokensAreText(client, load);
      else {
        await emptyGeneration(client);
        await load();
      }
      const loadedAudit = progress('Loading the audit', rowsOf(newest, auditTables));
      await whileAuditIsOpen(client, () =>
        loadTables(client, audit, newest, auditTables, loadedAudit),
      );
    });
    await verify(client, [decodePosition(dump.audit), decodePosition(newest.audit)]);
    const erasedAgain = await reapplyErasures(client, dump.audit.id);
    const erasedLater = await countLaterErasures(client, dump.audit.id);
    const tables = [
      ...valueTables.map((name) => [name, dump.tables[name]?.rows ?? 0] as const),
      ...auditTables.map((name) => [name, newest.tables[name]?.rows ?? 0] as const),
    ];
    return {
      rows: Object.fromEntries(tables),
      erasedAgain,
      erasedLater,
      generation: await readGeneration(client),
      head: await readAuditHead(client),
    };
  });
}

async function pinAsOwner(connection: Connection): Promise<void> {
  if ((await pinSession(connection)) !== owner) {
    throw new UserError(`Nothing was restored: log in as ${owner}, and as no other role.`);
  }
}

function rowsOf({ tables }: Manifest, names: readonly TableName[]): number {
  return names.reduce((sum, name) => sum + (tables[name]?.rows ?? 0), 0);
}

async function verify(client: PoolClient, heads: readonly ChainPosition[]): Promise<void> {
  const known = [...heads, await readAuditHead(client)];
  const { head, findings } = await verifyChain(readAudit(client), chainStart, known);
  const [broken] = findings;
  if (broken !== undefined)
    throw new UserError(`Nothing was restored: audit row ${broken.id} ${broken.problem}`);
  const last = heads.at(-1)!;
  if (head.id !== last.id)
    throw new UserError('Nothing was restored: the audit goes beyond its head');
}
