import { readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { checkServerIdentity, type ConnectionOptions } from 'node:tls';
import { Signer } from '@aws-sdk/rds-signer';
import type { Command } from 'commander';
import { type ClientConfig, Pool, type PoolConfig } from 'pg';

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
  const via = databaseVia === undefined ? { host, port } : parseAddress(databaseVia);
  const ssl: ConnectionOptions = {
    servername: host,
    // pg names the tunnel's host here, where that is not an IP address
    checkServerIdentity: (_, certificate) => checkServerIdentity(host, certificate),
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

/** Runs `work` with a pool of one connection, which ends with it. */
export async function withPool<T>(
  config: PoolConfig,
  work: (pool: Pool) => Promise<T>,
): Promise<T> {
  const pool = new Pool({ ...config, max: 1 });
  // a connection that breaks fails the query under way: without these it would end the process
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}

function parseAddress(text: string): { host: string; port: number } {
  const [, host, port] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  if (host === undefined) throw new UserError('--database-via is not HOST:PORT');
  return { host, port: Number(port) };
}

async function readAuthorities(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new UserError(`--database-ca cannot be read: ${messageOf(error).split(',')[0]}`);
  }
}
