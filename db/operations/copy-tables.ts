import { getTableColumns, getTableName, sql } from 'drizzle-orm';
import { getTableConfig, type PgTable } from 'drizzle-orm/pg-core';
import type { Client, ClientBase } from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import type { Readable, Writable } from 'node:stream';

import { type Connection, run, statement, withoutParameters } from '../query.ts';
import {
  approvalRule,
  auditCheckpoints,
  auditHead,
  dataKeys,
  ingestedMessages,
  ipNetworks,
  limits,
  piiVault,
  retention,
  revealAudit,
  rotation,
  tokenGeneration,
  tokenMap,
  tombstones,
  userLogins,
} from '../schema.ts';

/** The audit. It only grows, so a newer one has all rows of an older one. */
export const auditTables = ['reveal_audit', 'audit_head', 'audit_checkpoints'] as const;

/** Everything else, in the order in which it can be loaded. */
export const valueTables = [
  'token_generation',
  'data_keys',
  'pii_vault',
  'tombstones',
  'ip_networks',
  'ingested_messages',
  'user_logins',
  'limits',
  'approval_rule',
  'retention',
  'rotation',
  'token_map',
] as const;

/** Tables that a dump of an older release lacks: what `migrate` made of them stays. */
export const newerTables: ReadonlySet<string> = new Set([
  'limits',
  'approval_rule',
  'token_generation',
  'tombstones',
  'ip_networks',
  'retention',
  'rotation',
  'token_map',
]);

export type TableName = (typeof auditTables)[number] | (typeof valueTables)[number];

const tables: Record<TableName, PgTable> = {
  token_generation: tokenGeneration,
  data_keys: dataKeys,
  pii_vault: piiVault,
  tombstones,
  ip_networks: ipNetworks,
  retention,
  ingested_messages: ingestedMessages,
  user_logins: userLogins,
  reveal_audit: revealAudit,
  limits,
  approval_rule: approvalRule,
  rotation,
  token_map: tokenMap,
  audit_head: auditHead,
  audit_checkpoints: auditCheckpoints,
};

/** The table's columns by name, in their order. */
export function columnsOf(name: TableName): string[] {
  return Object.values(getTableColumns(tables[name])).map((column) => column.name);
}

/** All rows of the table, as Postgres's `COPY` writes them (text format), in these columns. */
export function copyOut(client: ClientBase, name: TableName, columns: readonly string[]): Readable {
  return client.query(copyTo(`copy ${target(name, columns)} to stdout`));
}

/** Loads what `copyOut` returned. */
export function copyIn(client: ClientBase, name: TableName, columns: readonly string[]): Writable {
  return client.query(copyFrom(`copy ${target(name, columns)} from stdin`));
}

// COPY takes no parameters, so only our own column names are accepted
function target(name: TableName, columns: readonly string[]): string {
  const own = columnsOf(name);
  const stranger = columns.find((column) => !own.includes(column));
  if (stranger !== undefined) throw new RangeError(`${name} has no column ${stranger}`);
  return `${qualified(name)} (${columns.join(', ')})`;
}

function qualified(name: TableName): string {
  const { schema = 'public' } = getTableConfig(tables[name]);
  return `${schema}.${getTableName(tables[name])}`;
}

const beginSnapshotStatement = statement(
  'begin_snapshot',
  sql`begin transaction isolation level repeatable read, read only`,
);

// it takes no snapshot: the end of a rotation, which empties the table, waits for the transaction or comes before it
const lockMapStatement = statement(
  'lock_token_map',
  sql`lock table ${tokenMap} in access share mode`,
);

const generationStatement = statement<{ generation: number }>(
  'token_generation',
  sql`select generation from ${tokenGeneration}`,
);

/** The generation of all tokens. Throws `DatabaseError`. */
export async function readGeneration(connection: Connection): Promise<number> {
  const [row] = await run(connection, generationStatement);
  return row?.generation ?? 1;
}

/** Begins a transaction that sees everything as it is now, and writes nothing. Throws `DatabaseError`. */
export async function beginSnapshot(client: Connection): Promise<void> {
  await run(client, beginSnapshotStatement);
  await run(client, lockMapStatement);
}

const emptyStatement = statement<{ empty: boolean }>(
  'vault_is_empty',
  sql`
  select not (
    exists (select from ${dataKeys}) or exists (select from ${piiVault}) or
    exists (select from ${ingestedMessages}) or exists (select from ${revealAudit}) or
    exists (select from public.${userLogins})
  ) as empty
`,
);

const migratedStatement = statement<{ migrated: boolean }>(
  'vault_is_migrated',
  sql`select to_regclass('vault.pii_vault') is not null as migrated`,
);

/** Whether the vault's tables are there. Throws `DatabaseError`. */
export async function isMigrated(connection: Connection): Promise<boolean> {
  const [row] = await run(connection, migratedStatement);
  return row?.migrated === true;
}

/** Whether none of the tables has a row. Throws `DatabaseError`. */
export async function isEmpty(connection: Connection): Promise<boolean> {
  const [row] = await run(connection, emptyStatement);
  return row?.empty === true;
}

// only the owner may do this, and it verifies the chain before the transaction commits
const openAuditStatement = statement(
  'open_audit',
  sql`alter table ${revealAudit} disable trigger chain_audit_row`,
);
const checksStatement = statement<{ relation: string; name: string; definition: string }>(
  'vault_checks',
  sql`
  select
    conrelid::regclass::text as relation, quote_ident(conname) as name,
    regexp_replace(pg_get_constraintdef(oid), ' NOT VALID$', '') as definition
  from pg_constraint where connamespace = 'vault'::regnamespace and contype = 'c' and conrelid <> 0
`,
);
const emptyHeadStatement = statement('empty_audit_head', sql`delete from ${auditHead}`);
const closeAuditStatement = statement(
  'close_audit',
  sql`alter table ${revealAudit} enable always trigger chain_audit_row`,
);

/**
 * Lets `load` fill the vault's tables without the checks on the form of their rows, within the caller's
 * transaction: what an attacker wrote before there were checks is restored too, and found by `verify`
 * and `reconcile`. Throws `DatabaseError`.
 */
export async function whileUnchecked(
  connection: Connection,
  load: () => Promise<void>,
): Promise<void> {
  const alter = (relation: string, change: string) =>
    withoutParameters(() => connection.query(`alter table ${relation} ${change}`));
  const checks = await run(connection, checksStatement);
  for (const { relation, name } of checks) await alter(relation, `drop constraint ${name}`);
  await load();
  for (const { relation, name, definition } of checks) {
    await alter(relation, `add constraint ${name} ${definition} not valid`);
  }
}

const emptyGenerationStatement = statement(
  'empty_token_generation',
  sql`delete from ${tokenGeneration}`,
);

/** Removes the row that the migrations made, for a dump's to take its place. Throws `DatabaseError`. */
export async function emptyGeneration(connection: Connection): Promise<void> {
  await run(connection, emptyGenerationStatement);
}

const tokensAsTextStatement = statement(
  'tokens_as_text',
  sql`alter table ${piiVault} alter column token type text collate "C" using null`,
);
const deleteOthersStatement = statement(
  'delete_what_is_no_token',
  sql`delete from ${piiVault} where vault.token_bytes(token) is null`,
);
const tokensAsBytesStatement = statement(
  'tokens_as_bytes',
  sql`alter table ${piiVault} alter column token type bytea using vault.token_bytes(token)`,
);

/**
 * Lets `load` fill an empty vault from a dump of a release that stored tokens as text, within the caller's
 * transaction, while the checks are away. Throws `DatabaseError`.
 */
export async function whileTokensAreText(
  connection: Connection,
  load: () => Promise<void>,
): Promise<void> {
  await run(connection, tokensAsTextStatement);
  await load();
  await run(connection, deleteOthersStatement);
  await run(connection, tokensAsBytesStatement);
}

/**
 * Lets `load` fill the audit's tables with rows that keep their ids, times and hashes: the trigger that
 * sets them is disabled meanwhile, within the caller's transaction. Throws `DatabaseError`.
 */
export async function whileAuditIsOpen(
  connection: Connection,
  load: () => Promise<void>,
): Promise<void> {
  await run(connection, openAuditStatement);
  await run(connection, emptyHeadStatement);
  await load();
  await run(connection, closeAuditStatement);
}

const analyzeStatements = [...valueTables, ...auditTables].map((name) =>
  statement(`analyze_${name}`, sql`analyze ${sql.raw(qualified(name))}`),
);

/** Updates the planner's statistics after loading. Throws `DatabaseError`. */
export async function analyzeTables(connection: Client | Connection): Promise<void> {
  for (const analyze of analyzeStatements) await run(connection, analyze);
}

const estimateStatement = statement<{ rows: string }>(
  'estimate_rows',
  sql`
  select coalesce(sum(greatest(leaf.reltuples, 0)), 0)::bigint as rows
  from unnest(${sql.placeholder('names')}::text[]) as name
  cross join lateral pg_partition_tree(name::regclass) as tree
  join pg_class as leaf on leaf.oid = tree.relid and tree.isleaf
`,
);

/** About how many rows these tables have, by the planner's statistics. Throws `DatabaseError`. */
export async function estimateRows(
  connection: Connection,
  names: readonly TableName[],
): Promise<number> {
  const [row] = await run(connection, estimateStatement, { names: names.map(qualified) });
  return Number(row?.rows ?? 0);
}
