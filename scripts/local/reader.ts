import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'pg';

import { messageOf, UserError } from '../../cli/user-error.ts';
import { databaseUrl, type LocalDatabase } from './database.ts';

/** Reads the local database as one of its weakest roles. */
export interface Reader {
  /** Asks again while the database restarts. Throws `UserError` when it stays away. */
  query<Row extends object>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
  end(): Promise<void>;
}

/** A reader with a connection of its own, which waits so long for a database that is away. */
export function createReader(
  database: LocalDatabase,
  role: 'vault_analyst' | 'vault_auditor',
  maxAbsenceMs = 30_000,
): Reader {
  const pool = new Pool({
    connectionString: databaseUrl(database, role),
    max: 1,
    connectionTimeoutMillis: 3_000,
  });
  // a connection that breaks fails the query under way, or none
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return {
    async query<Row extends object>(sql: string, values: readonly unknown[] = []) {
      for (const deadline = Date.now() + maxAbsenceMs; ; await sleep(200)) {
        try {
          return (await pool.query<Row & Record<string, unknown>>(sql, [...values])).rows;
        } catch (error) {
          if (!isAway(error)) throw error;
          if (Date.now() < deadline) continue;
          const where = `${database.host}:${database.port}`;
          throw new UserError(`The database at ${where} does not answer: ${messageOf(error)}`);
        }
      }
    },
    end: () => pool.end(),
  };
}

/** Whether the connection failed rather than the statement. */
function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code: unknown = Reflect.get(error, 'code');
  // Postgres: it stops or starts, or the connection broke; Node: nothing listens
  if (typeof code === 'string') return /^(57P|08|E(CONN|PIPE|TIMEDOUT))/.test(code);
  return /^Connection terminated|connection (error|timeout)|trying to connect/.test(error.message);
}
