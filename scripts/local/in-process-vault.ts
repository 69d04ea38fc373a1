import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';
import { parse } from 'yaml';

import type { EraseCertificate } from '../../lib/requests/erase.ts';
import { createKmsDouble } from './kms-double.ts';
import { VaultError } from '../../lib/errors.ts';
import type { Role } from '../../db/roles.ts';
import { startAwsStandIn } from './aws-stand-in.ts';
import { databaseName, type LocalDatabase } from './database.ts';
import { UserError } from '../../cli/user-error.ts';
import type { RunningVault } from './running-vault.ts';
import { localAws, setEnvironment } from './settings.ts';

type Handler = (event: unknown, context: { awsRequestId: string }) => Promise<unknown>;

const batchSize = 10;
const maxReceiveCount = 5;

/** The database role of each function that runs here. */
const users = {
  migrate: 'vault_migrator',
  ingest: 'vault_ingest',
  reveal: 'vault_reveal',
  erase: 'vault_erase',
  maintain: 'vault_maintain',
} as const satisfies Record<string, Role>;

type FunctionName = keyof typeof users;

/**
 * The vault without any emulator: the functions' own handlers run in this process, on events
 * shaped like those of SQS, with a KMS that ends with the process. What it sealed stays sealed.
 */
export async function inProcessVault(database: LocalDatabase): Promise<RunningVault> {
  const aws = await startAwsStandIn(createKmsDouble({ service: 'pii-vault', stage: 'local' }));
  const waiting: SQSRecord[] = [];

  const call = async (name: FunctionName, event: unknown): Promise<unknown> => {
    const user = users[name];
    setEnvironment({
      ...environment(database, aws.endpoint),
      ...(await stageParameters(name)),
      DATABASE_USER: user,
      DATABASE_PASSWORD: database.passwords[user],
    });
    const loaded = (await import(`../../functions/${name}.ts`)) as { handler: Handler };
    try {
      return await loaded.handler(event, { awsRequestId: randomUUID() });
    } catch (error) {
      // its message names no value; a database that restarts is nothing to show a stack for
      if (error instanceof VaultError) throw new UserError(`${name} failed: ${error.message}`);
      throw error;
    }
  };

  // SQS, too, delivers again what the function reports as failed, up to five times
  const ingest = async (batch: SQSRecord[]): Promise<void> => {
    let records = batch;
    for (let tries = 0; records.length > 0; tries += 1) {
      if (tries === maxReceiveCount) throw new UserError('ingest cannot store the messages');
      if (tries > 0) await sleep(1_000);
      const { batchItemFailures } = (await call('ingest', {
        Records: records,
      })) as SQSBatchResponse;
      const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
      records = records.filter(({ messageId }) => failed.has(messageId));
    }
  };

  return {
    queues: { login: '', deadLetter: '' },
    urls: null,
    staysUp: false,
    async send(bodies) {
      waiting.push(...bodies.map(record));
      return [];
    },
    async drain(countStored) {
      while (waiting.length > 0) await ingest(waiting.splice(0, batchSize));
      return { stored: await countStored(), rejected: aws.rejected };
    },
    commandFor: (name) => `functions/${name}.ts, in this process`,
    nextCommands: () => [
      'npx pii-vault audit',
      'npx pii-vault verify',
      'npx pii-vault report --out report.html',
      'npx pii-vault console',
      'npm stop',
    ],
    invoke: (name, request = {}) =>
      isFunctionName(name)
        ? call(name, request)
        : Promise.reject(new UserError(`${name} needs an emulator`)),
    async erase(tokens, reason) {
      const answer = (await call('erase', urlEvent({ tokens, reason }))) as { body: string };
      return JSON.parse(answer.body) as EraseCertificate;
    },
    eraseCommand: () => 'functions/erase.ts, in this process',
  };
}

/** What Lambda makes of a signed request to a function's URL. */
function urlEvent(request: unknown): unknown {
  const userArn = 'arn:aws:iam::000000000000:root';
  return { requestContext: { authorizer: { iam: { userArn } } }, body: JSON.stringify(request) };
}

function isFunctionName(name: string): name is FunctionName {
  return Object.hasOwn(users, name);
}

/** The function's variables that are parameters of a stage, with their defaults. */
async function stageParameters(name: FunctionName): Promise<Record<string, string>> {
  const defaults = (await readYaml('stages/default.yml')) as Record<string, unknown>;
  const functions = (await readYaml('infra/functions.yml')) as Record<
    FunctionName,
    { environment: Record<string, unknown> }
  >;
  return Object.fromEntries(
    Object.entries(functions[name].environment).flatMap(([variable, value]) => {
      const [, parameter] = /^\$\{param:(\w+)\}$/.exec(String(value)) ?? [];
      return parameter === undefined ? [] : [[variable, String(defaults[parameter])]];
    }),
  );
}

async function readYaml(file: string): Promise<unknown> {
  const text = await readFile(new URL(`../../${file}`, import.meta.url), 'utf8');
  // the short forms of CloudFormation's functions are tags that YAML does not know
  return parse(text, { logLevel: 'error' });
}

function environment(database: LocalDatabase, endpoint: string): Record<string, string> {
  return {
    VAULT_SERVICE: 'pii-vault',
    VAULT_STAGE: 'local',
    DATABASE_HOST: database.host,
    DATABASE_PORT: String(database.port),
    DATABASE_NAME: databaseName,
    DATABASE_AUTH: 'password',
    DATABASE_TLS: 'off',
    DATA_KEY_ARN: 'data-key',
    TOKEN_KEY_ARNS: '1=token-key',
    DEAD_LETTER_QUEUE_URL: `${endpoint}/dead-letters`,
    TOKEN_ROTATION: 'off',
    NETWORK_TOKENS: 'off',
    LOG_LEVEL: 'SILENT',
    METRICS: 'off',
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: localAws.region,
    AWS_ACCESS_KEY_ID: localAws.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: localAws.credentials.secretAccessKey,
  };
}

function record(body: string): SQSRecord {
  const now = String(Date.now());
  return {
    messageId: randomUUID(),
    receiptHandle: 'receipt',
    body,
    attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: now,
      SenderId: 'npm-start',
      ApproximateFirstReceiveTimestamp: now,
    },
    messageAttributes: {},
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: `arn:aws:sqs:${localAws.region}:000000000000:login-queue`,
    awsRegion: localAws.region,
  };
}
