import { devNull } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { UserError } from '../../cli/user-error.ts';

/** Where the local stack lives on this machine. */
export interface Settings {
  /** The service directory, where `serverless.yml` is. */
  service: string;
  /** What the stack writes down about itself; gone after a stop. */
  directory: string;
  /** Python environments, which the next start uses again. */
  cache: string;
  endpoint: URL;
  databasePort: number;
  /** The superuser's in docker-compose.yml. */
  composePassword: string;
  /** The emulator checks every call against IAM policies and key policies, as AWS does. */
  enforceIam: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** The account and region that emulators know; `test` is the account's root to them. */
export const localAws = {
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
} as const;

/** Reads where the stack is to run. Throws `UserError` naming the variable at fault. */
export function readSettings(environment: Environment = process.env): Settings {
  const cache = join(repository, '.local');
  const emulatorPort = readPort(
    'VAULT_EMULATOR_PORT',
    environment['VAULT_EMULATOR_PORT'] ?? '4566',
  );
  return Object.freeze({
    service: repository,
    directory: resolve(environment['VAULT_LOCAL_DIR'] ?? cache),
    cache,
    endpoint: readEndpoint(environment['AWS_ENDPOINT_URL'] ?? `http://127.0.0.1:${emulatorPort}`),
    databasePort: readPort('VAULT_DATABASE_PORT', environment['VAULT_DATABASE_PORT'] ?? '15432'),
    composePassword: environment['VAULT_SUPERUSER_PASSWORD'] || 'local-only',
    enforceIam: environment['VAULT_LOCAL_IAM'] !== 'off',
  });
}

/** The environment for a program that may reach this stack and no AWS account of a person. */
export function childEnvironment(
  settings: Settings,
  environment: Environment = process.env,
): NodeJS.ProcessEnv {
  const own = Object.entries(environment).filter(([name]) => !name.startsWith('AWS_'));
  return {
    ...Object.fromEntries(own),
    ...awsVariables(settings),
    VAULT_LOCAL_DIR: settings.directory,
    NODE_NO_WARNINGS: '1',
  };
}

/** The environment for a program that may reach no AWS account. */
export function offlineEnvironment(environment: Environment = process.env): NodeJS.ProcessEnv {
  const own = Object.entries(environment).filter(([name]) => !name.startsWith('AWS_'));
  return {
    ...Object.fromEntries(own),
    AWS_SHARED_CREDENTIALS_FILE: devNull,
    NODE_NO_WARNINGS: '1',
  };
}

/** What the SDKs and the AWS command line read to reach the emulator. */
export function awsVariables({ endpoint }: Settings): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: endpoint.origin,
    AWS_REGION: localAws.region,
    AWS_ACCESS_KEY_ID: localAws.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: localAws.credentials.secretAccessKey,
  };
}

/** Sets variables for functions that are to run in this process. */
export function setEnvironment(variables: Readonly<Record<string, string>>): void {
  Object.assign(process.env, variables);
}

/** Whether to colour and to redraw lines: a person is looking, and has not asked for plain text. */
export function isPlain(environment: Environment = process.env): boolean {
  return !process.stdout.isTTY || (environment['NO_COLOR'] ?? '') !== '';
}

/** The variables of this shell that the emulator needs to find Node and its own home. */
export function searchPath(environment: Environment = process.env): string {
  return environment['PATH'] ?? '';
}

function readEndpoint(value: string): URL {
  if (!URL.canParse(value)) throw new UserError(`AWS_ENDPOINT_URL is not a valid URL: ${value}`);
  const url = new URL(value);
  if (url.port === '') throw new UserError(`AWS_ENDPOINT_URL names no port: ${value}`);
  return url;
}

function readPort(variable: string, value: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number > 0 && number < 65_536) return number;
  throw new UserError(`${variable} is not a port number: ${value}`);
}
