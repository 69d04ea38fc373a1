import { randomUUID } from 'node:crypto';
import { once } from 'node:events';

import { lookUp } from '../../db/audited-requests.ts';
import { createTokenizerSource } from '../../lib/crypto/token.ts';
import { asVaultError } from '../../lib/errors.ts';
import { ingest } from '../../lib/ingest/ingest.ts';
import { erase } from '../../lib/requests/erase.ts';
import { lift } from '../../lib/requests/lift.ts';
import { parseEraseRequest, parseValuesRequest } from '../../lib/requests/request.ts';
import { parseApproverAction, parseRevealAction } from '../../lib/requests/approval-request.ts';
import { decide } from '../../lib/requests/decide.ts';
import { revealAction } from '../../lib/requests/reveal-action.ts';
import { tokenize } from '../../lib/requests/tokenize.ts';
import { approvalDeps } from './approval.ts';
import { type AwsServer, startAwsServer } from './aws-server.ts';
import { loginMessage, sqsRecord } from './builders.ts';
import { type RunningCli, startCli } from './cli.ts';
import { testPassword } from './cluster.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { createKmsDouble } from '../../scripts/local/kms-double.ts';
import { eraseDeps, ingestDeps, silentLog, silentMetrics } from './vault.ts';

/** A running `pii-vault console` before a database, queues and signed URLs that really answer. */
export interface ConsoleWorld {
  database: TestDatabase;
  aws: AwsServer;
  /** The address that the command printed. */
  url: URL;
  cli: RunningCli;
  /** Takes logins in on this day; returns the tokens of each. */
  login: (
    message: Record<string, unknown>,
    at?: number,
  ) => Promise<{ masked_ip: string; masked_device_id: string }>;
  /** Starts the command again, with a new address. */
  restart: () => Promise<URL>;
  close: () => Promise<void>;
}

/** Starts all of it. */
export async function startConsoleWorld(): Promise<ConsoleWorld> {
  const database = await createTestDatabase();
  const kms = createKmsDouble();
  const aws = await startAwsServer();
  aws.stacks['pii-vault-local'] = {
    RevealUrl: 'https://reveal.lambda-url.eu-central-1.on.aws/',
    ApproveUrl: 'https://approve.lambda-url.eu-central-1.on.aws/',
    EraseUrl: 'https://erase.lambda-url.eu-central-1.on.aws/',
    TokenizeUrl: 'https://tokenize.lambda-url.eu-central-1.on.aws/',
  };
  aws.callUrl = signedUrls(database, kms, aws);
  const ingesting = ingestDeps(database, kms);
  const start = async (): Promise<{ cli: RunningCli; url: URL }> => {
    const local = {
      ...aws.environment,
      DATABASE_URL: `postgresql://postgres:${testPassword}@127.0.0.1:${database.port}/${database.name}`,
    };
    const cli = startCli(['console', '--json'], local);
    const [line] = await once(cli.process.stdout!, 'data');
    const { url } = JSON.parse(String(line)) as { url: string };
    return { cli, url: new URL(url) };
  };

  const world: ConsoleWorld = {
    database,
    aws,
    ...(await start()),
    login: async (message, at = Date.now()) => {
      const userId = randomUUID();
      const record = sqsRecord(loginMessage({ user_id: userId, ...message }));
      record.attributes.SentTimestamp = String(at);
      await ingest([record], ingesting);
      const { rows } = await database.admin.query<{ masked_ip: string; masked_device_id: string }>(
        'select masked_ip, masked_device_id from user_logins where user_id = $1',
        [message['user_id'] ?? userId],
      );
      return rows[0]!;
    },
    restart: async () => {
      await stop(world.cli);
      Object.assign(world, await start());
      return world.url;
    },
    close: async () => {
      await stop(world.cli);
      await aws.close();
      await database.drop();
    },
  };
  return world;
}

/** The functions behind the URLs, for a caller that AWS has verified. */
function signedUrls(
  database: TestDatabase,
  kms: ReturnType<typeof createKmsDouble>,
  aws: AwsServer,
): AwsServer['callUrl'] {
  const { requesting, deciding } = approvalDeps(database, kms);
  const erasing = eraseDeps(database);
  const pool = database.as('vault_tokenize');
  const finding = {
    tokenizer: createTokenizerSource(kms),
    generation: () => Promise.resolve(1),
    lookUp: (...[context, tokens]: [Parameters<typeof lookUp>[1], readonly string[]]) =>
      lookUp(pool, context, tokens),
    log: silentLog,
    metrics: silentMetrics,
  };
  return async (id, body) => {
    const principal = { id: aws.arn, source: 'iam' } as const;
    try {
      const request = randomUUID();
      if (id === 'reveal') {
        return [200, await revealAction(parseRevealAction(body), principal, request, requesting)];
      }
      if (id === 'approve') {
        return [200, await decide(parseApproverAction(body), principal, request, deciding)];
      }
      if (id === 'erase') {
        const { action, ...asked } = parseEraseRequest(body);
        return [
          200,
          action === 'lift'
            ? await lift(asked, principal, request, erasing)
            : await erase(asked, principal, request, erasing, action === 'suppress'),
        ];
      }
      return [200, await tokenize(parseValuesRequest(body), principal, request, finding)];
    } catch (error) {
      const { name, message } = asVaultError(error);
      return [400, { error: name, message }];
    }
  };
}

async function stop({ process: child, ended }: RunningCli): Promise<void> {
  child.kill('SIGTERM');
  await ended;
}
