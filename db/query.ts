import { type SQL, fillPlaceholders } from 'drizzle-orm';
import { CasingCache } from 'drizzle-orm/casing';
import {
  type ClientBase,
  escapeIdentifier,
  escapeLiteral,
  type Pool,
  type PoolClient,
  type QueryResultRow,
} from 'pg';

import { DatabaseError } from '../lib/errors.ts';

/** A pool, or the one client of a transaction. */
export type Connection = Pick<ClientBase, 'query'>;

/** A statement; Postgres parses it once per connection, under its name. */
export interface Statement<Row extends QueryResultRow> {
  name: string;
  /** Compiled at the first use. */
  compiled: () => { text: string; parameters: unknown[] };
  /** Never set: it only gives TypeScript the shape of the rows. */
  row?: Row;
}

// as drizzle's PgDialect, which would load the whole query builder with it
const dialect = {
  casing: new CasingCache(),
  escapeName: escapeIdentifier,
  escapeParam: (index: number) => `$${index + 1}`,
  escapeString: escapeLiteral,
};

/** A statement for rows of the given shape; the parameters of `query` are `sql.placeholder`s. */
export function statement<Row extends QueryResultRow>(name: string, query: SQL): Statement<Row> {
  let compiled: { text: string; parameters: unknown[] } | null = null;
  return {
    name,
    compiled: () => {
      if (compiled === null) {
        const { sql, params } = query.toQuery(dialect);
        compiled = { text: sql, parameters: params };
      }
      return compiled;
    },
  };
}

/** Runs the statement with its parameters by name. Throws `DatabaseError`, which holds no parameter. */
export async function run<Row extends QueryResultRow>(
  connection: Connection,
  { name, compiled }: Statement<Row>,
  values: Record<string, unknown> = {},
): Promise<Row[]> {
  const { text, parameters } = compiled();
  const query = { name, text, values: fillPlaceholders(parameters, values) };
  return withoutParameters(async () => (await connection.query<Row>(query)).rows);
}

/**
 * Does `work`, and once more if its connection was lost: sockets break while Lambda freezes a
 * container. Only for work that may be done twice.
 */
export async function repeatable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DatabaseError && error.lostConnection)) throw error;
    return work();
  }
}

/** Runs `work` in one transaction, and rolls it back if `work` throws. */
export async function transaction<T>(
  pool: Pool,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const client = await repeatable(() => begin(pool));
  try {
    const result = await work(client);
    await withoutParameters(() => client.query('commit'));
    client.release();
    return result;
  } catch (error) {
    // closing the connection rolls back in any state
    client.release(true);
    throw error;
  }
}

function begin(pool: Pool): Promise<PoolClient> {
  return withoutParameters(async () => {
    const client = await pool.connect();
    try {
      await client.query('begin');
      return client;
    } catch (error) {
      client.release(true);
      throw error;
    }
  });
}

/**
 * Throws every error of Postgres, its driver and Drizzle as a `DatabaseError`: theirs have the bound
 * parameters in message, `params` and `detail`, which would be personal data in a log.
 */
export async function withoutParameters<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new DatabaseError(stateOf(error));
  }
}

function stateOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const code: unknown = Reflect.get(error, 'code');
  if (typeof code === 'string' && /^[A-Z0-9_]{5,20}$/.test(code)) return code;
  // the driver's own errors have no code
  if (/^Connection terminated|not queryable/.test(error.message)) return 'ECONNRESET';
  if (/timeout/i.test(error.message)) return 'ETIMEDOUT';
  return stateOf(error.cause);
}
