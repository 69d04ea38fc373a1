import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { Signer } from '@aws-sdk/rds-signer';
import type { Command } from 'commander';
import { type ClientConfig, Pool, type PoolClient, type PoolConfig } from 'pg';

import { withoutParameters } from '../db/query.ts';
import type { Role } from '../db/roles.ts';
import { type AwsConfig, fromAws } from './aws.ts';
import { localDatabaseUrl } from './local-stage.ts';
import type { Stage } from './stage.ts';
import { messageOf, UserError } from './user-error.ts';

/** Options of every command that logs in to the database. */
export interface DatabaseOptions {
  databaseVia?: string;
  databaseCa?: string;
}

/** Adds the options of a command that logs in to the database. */
export function withDatabase(command: Command): Command {
  return command
    .option('--database-via <host:port>', 'where a tunnel to the database begins: 127.0.0.1:5432')
    .option('--database-ca <file>', 'certificate authorities of the database, PEM');
}

/** Where a database is, for whom and how to log in by IAM. */
export interface IamLogin {
  host: string;
  port: number;
  database: string;
  user: string;
}

/**
 * How to log in to the stage's database as this role: by the password that `npm start` gave it, or
 * on a deployed stage by IAM over TLS. Throws `UserError`.
 */
export async function databaseConfig(
  stage: Stage,
  role: Role,
  options: DatabaseOptions,
): Promise<ClientConfig> {
  if (stage.local !== null) return { connectionString: localDatabaseUrl(stage.local, role) };
  const login = {
    host: await stage.output('DatabaseHost'),
    port: Number(await stage.output('DatabasePort')),
    database: await stage.output('DatabaseName'),
    user: role,
  };
  return iamConfig(login, stage.aws, options);
}

/**
 * A login by IAM: the password is a token signed for the database's own host, and the certificate
 * must be that host's, also through a tunnel. Throws `UserError`.
 */
export async function iamConfig(
  { host, port, database, user }: IamLogin,
  aws: AwsConfig,
  { databaseVia, databaseCa }: DatabaseOptions,
): Promise<ClientConfig> {
  const via = databaseVia === undefined ? { host, port } : await findAddress(databaseVia);
  const ssl: ConnectionOptions = {
    // the certificate must be for this name
    servername: host,
    ...(databaseCa === undefined ? {} : { ca: await readAuthorities(databaseCa) }),
  };
  const { credentials, region } = aws;
  const signer = new Signer({
    hostname: host,
    port,
    username: user,
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
  });
  // signed once before the first connection, so that missing credentials are told as such
  await fromAws('The login to the database', signer.getAuthToken());
  return { ...via, database, user, ssl, password: () => signer.getAuthToken() };
}

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

/** The IP address of HOST:PORT: of a host's name, pg would expect that name in the certificate. */
async function findAddress(text: string): Promise<{ host: string; port: number }> {
  const [, name, port] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  if (name === undefined) throw new UserError('--database-via is not HOST:PORT');
  try {
    return { host: (await lookup(name)).address, port: Number(port) };
  } catch {
    throw new UserError(`--database-via: there is no host ${name}`);
  }
}

async function readAuthorities(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new UserError(`--database-ca cannot be read: ${messageOf(error).split(',')[0]}`);
  }
}
