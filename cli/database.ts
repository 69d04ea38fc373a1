import { Socket } from 'node:net';
import { type ClientConfig, Pool, type PoolClient, type PoolConfig } from 'pg';

import { withoutParameters } from '../db/query.ts';
import { UserError } from './user-error.ts';

/** Adds what every connection of a command needs: a time limit, and an end at an interruption. */
export function interruptible(config: ClientConfig, signal: AbortSignal): ClientConfig {
  return {
    ...config,
    connectionTimeoutMillis: 10_000,
    stream: () => {
      const socket = new Socket();
      signal.addEventListener('abort', () => socket.destroy(), { once: true });
      return socket;
    },
  };
}

/**
 * Runs `work` with a pool of one connection, which ends with it. Throws `UserError` where the
 * database refuses the login or its certificate is not right.
 */
export async function withPool<T>(
  config: PoolConfig,
  work: (pool: Pool) => Promise<T>,
): Promise<T> {
  const pool = new Pool({ ...config, max: 1 });
  // a connection that breaks fails the query under way: without these it would end the process
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  try {
    (await connected(pool)).release();
    return await work(pool);
  } finally {
    await pool.end();
  }
}

/** Runs `work` with one connection, as `withPool` does. */
export function withClient<T>(
  config: PoolConfig,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  return withPool(config, async (pool) => {
    const client = await withoutParameters(() => pool.connect());
    try {
      return await work(client);
    } finally {
      client.release();
    }
  });
}

async function connected(pool: Pool): Promise<PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
    const problem = loginProblem(String(code));
    if (problem !== null) throw new UserError(problem);
    return withoutParameters(() => Promise.reject(error));
  }
}

/** In plain words, what a person can fix about a login; null for other faults. */
function loginProblem(code: string): string | null {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return 'The certificate of the database is not that of its host. Where does the tunnel end?';
  }
  if (/CERT|ISSUER|LEAF_SIGNATURE/.test(code)) {
    return `The certificate of the database is not trusted (${code}): give its --database-ca.`;
  }
  if (code.startsWith('28'))
    return `Access denied: the database refuses the login (SQLSTATE ${code}).`;
  return null;
}
