import { type SQL, fillPlaceholders } from 'drizzle-orm';
import { PgDialect } from 'drizzle-orm/pg-core';
import type { ClientBase, Pool, QueryResultRow } from 'pg';

import { DatabaseError } from '../lib/errors.ts';

/** A pool, or the one client of a transaction. */
export type Connection = Pick<ClientBase, 'query'>;

/** A statement compiled once; Postgres parses it once a connection, under its name. */
export interface Statement<Row extends QueryResultRow> {
  name: string;
  text: string;
  parameters: unknown[];
  /** Never set: it only ties a statement to the shape of its rows. */
  row?: Row;
}

const dialect = new PgDialect();

/** Compiles `query`, whose parameters are `sql.placeholder`s, for rows of the given shape. */
export function statement<Row extends QueryResultRow>(name: string, query: SQL): Statement<Row> {
  const { sql, params } = dialect.sqlToQuery(query);
  return { name, text: sql, parameters: params };
}

/** Runs the statement with its parameters by name. Throws `DatabaseError`, which holds none of them. */
export async function run<Row extends QueryResultRow>(
  connection: Connection,
  { name, text, parameters }: Statement<Row>,
  values: Record<string, unknown> = {},
): Promise<Row[]> {
  const query = { name, text, values: fillPlaceholders(parameters, values) };
  return withoutParameters(async () => (await connection.query<Row>(query)).rows);
}

/** Runs `work` in one transaction, which is rolled back when it throws. */
export async function transaction<T>(
  pool: Pool,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const client = await withoutParameters(() => pool.connect());
  try {
    await withoutParameters(() => client.query('begin'));
    const result = await work(client);
    await withoutParameters(() => client.query('commit'));
    client.release();
    return result;
  } catch (error) {
    // closing the connection rolls back, whatever state it is in
    client.release(true);
    throw error;
  }
}

/**
 * Rethrows what Postgres, its driver or Drizzle throw as a `DatabaseError`: theirs carry the
 * bound parameters in message, `params` and `detail`, which is personal data in a log.
 */
export async function withoutParameters<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new DatabaseError(stateOf(error));
  }
}

function stateOf(error: unknown): string | null {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : null;
  if (typeof code === 'string' && /^[A-Z0-9_]{5,20}$/.test(code)) return code;
  return error instanceof Error && error.cause !== undefined ? stateOf(error.cause) : null;
}
