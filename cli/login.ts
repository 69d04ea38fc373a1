import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import type { ConnectionOptions } from 'node:tls';
import { Signer } from '@aws-sdk/rds-signer';
import type { ClientConfig } from 'pg';

import type { Role } from '../db/roles.ts';
import { type AwsConfig, fromAws } from './aws.ts';
import type { CommonOptions } from './command.ts';
import { localDatabaseUrl } from './local-stage.ts';
import type { Stage } from './stage.ts';
import { messageOf, UserError } from './user-error.ts';

/** Options of every command that logs in to the database. */
export type DatabaseOptions = Pick<CommonOptions, 'databaseVia' | 'databaseCa'>;

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
