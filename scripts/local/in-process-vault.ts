import { randomUUID } from 'node:crypto';
import type { SQSRecord } from 'aws-lambda';

import type { EraseCertificate } from '../../lib/requests/erase.ts';
import { createKmsDouble } from '../../test/helpers/kms-double.ts';
import { startAwsStandIn } from './aws-stand-in.ts';
import { databaseName, type LocalDatabase } from './database.ts';
import { UserError } from '../../cli/user-error.ts';
import type { RunningVault } from './running-vault.ts';
import { localAws, setEnvironment } from './settings.ts';

type Handler = (event: unknown, context: { awsRequestId: string }) => Promise<unknown>;

const batchSize = 10;

/** The database role of each function that runs here. */
const users = {
  migrate: 'vault_migrator',
  ingest: 'vault_ingest',
  reveal: 'vault_reveal',
  erase: 'vault_erase',
  maintain: 'vault_maintain',
};

type FunctionName = keyof typeof users;

/**
 * The vault without any emulator: the functions' own handlers run in this process, on events
 * shaped like those of SQS, with a KMS that ends with the process. What it sealed stays sealed.
 */
export async function inProcessVault(
  database: LocalDatabase,
  countStored: () => Promise<number>,
): Promise<RunningVault> {
  const aws = await startAwsStandIn(createKmsDouble({ service: 'pii-vault', stage: 'local' }));
  const waiting: SQSRecord[] = [];
  let storedBefore = 0;

  const call = async (name: FunctionName, event: unknown): Promise<unknown> => {
    setEnvironment({ ...environment(database, aws.endpoint), DATABASE_USER: users[name] });
    const loaded = (await import(`../../functions/${name}.ts`)) as { handler: Handler };
    return loaded.handler(event, { awsRequestId: randomUUID() });
  };

  return {
    queues: { login: '', deadLetter: '' },
    staysUp: false,
    async send(bodies) {
      if (waiting.length === 0) storedBefore = await countStored();
      waiting.push(...bodies.map(record));
      return bodies.length;
    },
    async drain() {
      while (waiting.length > 0) await call('ingest', { Records: waiting.splice(0, batchSize) });
      const rejected = new Map<string, number>();
      for (const reason of aws.sentReasons) rejected.set(reason, (rejected.get(reason) ?? 0) + 1);
      return { stored: (await countStored()) - storedBefore, rejected };
    },
    commandFor: (name) => `functions/${name}.ts, in this process`,
    nextCommands: () => [
      'npm start -- --file YOUR-LOGINS.jsonl',
      'psql "$(sed -n s/^ANALYST_DATABASE_URL=//p .local/env)" -c "table user_logins"',
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

function environment(database: LocalDatabase, endpoint: string): Record<string, string> {
  return {
    VAULT_SERVICE: 'pii-vault',
    VAULT_STAGE: 'local',
    DATABASE_HOST: database.host,
    DATABASE_PORT: String(database.port),
    DATABASE_NAME: databaseName,
    DATABASE_AUTH: 'password',
    DATABASE_PASSWORD: database.password,
    DATABASE_TLS: 'off',
    DATA_KEY_ARN: 'data-key',
    TOKEN_KEY_ARN: 'token-key',
    DEAD_LETTER_QUEUE_URL: `${endpoint}/dead-letters`,
    DIRECT_REVEAL: 'on',
    REVEAL_QUOTA_PER_HOUR: '1000',
    REVEAL_CAP_PER_HOUR: '5000',
    TOKENIZE_QUOTA_PER_HOUR: '10000',
    TOKENIZE_CAP_PER_HOUR: '50000',
    ERASE_QUOTA_PER_HOUR: '10000',
    ERASE_CAP_PER_HOUR: '50000',
    LOG_LEVEL: 'SILENT',
    POWERTOOLS_METRICS_DISABLED: 'true',
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
