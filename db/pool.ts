import { Signer } from '@aws-sdk/rds-signer';
import { Pool } from 'pg';

import type { DatabaseConfig } from '../lib/config.ts';

const connectTimeoutMs = 5_000;

/**
 * How long a statement may take, those before it on the connection included: within the functions'
 * own limits, with time left to say so.
 */
const statementTimeoutMs = { request: 5_000, batch: 15_000, maintenance: 300_000 } as const;

/**
 * The container's one connection, opened when first used and opened anew after a fault, such as
 * a socket that did not survive the container being frozen. `work` sets how long a statement may take.
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
    password: config.password ?? (() => iamToken(config)),
    ssl: config.tls,
    max: 1,
    // a statement need not wait for the answer to the one before it
    pipeline: true,
    idleTimeoutMillis: 0,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: statementTimeoutMs[work],
    keepAlive: true,
    allowExitOnIdle: true,
  });
  // a socket that breaks fails the query under way, or none: without these listeners, which
  // stand for idle connections and for those in a transaction, it would end the process
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

// the token is made for each new connection: it is valid for 15 minutes
function iamToken({ host, port, user }: DatabaseConfig): Promise<string> {
  return new Signer({ hostname: host, port, username: user }).getAuthToken();
}
