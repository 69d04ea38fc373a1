import { Pool } from 'pg';

import type { DatabaseConfig } from '../lib/config.ts';
import { iamToken } from './iam-token.ts';

const connectTimeoutMs = 5_000;

/**
 * How long a statement may take, including those before it on the connection. It is less than the
 * timeout of the functions, so that they can still report the error.
 */
const statementTimeoutMs = { request: 5_000, batch: 15_000, maintenance: 300_000 } as const;

/**
 * The container's only connection, opened when first used and opened again after a fault, such as a
 * socket that broke while the container was frozen. `work` sets how long a statement may take.
 */
export function createPool(
  config: DatabaseConfig,
  work: keyof typeof statementTimeoutMs = 'batch',
): Pool {
  const pool = new Pool({
    host: config.host,
    port: config.port,
    database: config.database,
    user: config.user,
    // made for each new connection, because it is valid for 15 minutes
    password: config.password ?? (() => iamToken(config)),
    ssl: config.tls,
    max: 1,
    // a statement does not wait for the answer to the one before
    pipeline: true,
    idleTimeoutMillis: 0,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: statementTimeoutMs[work],
    keepAlive: true,
    allowExitOnIdle: true,
  });
  // a broken socket also emits `error`, idle or in a transaction: without a listener, that would end
  // the process
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}
