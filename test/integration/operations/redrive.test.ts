import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SQSRecord } from 'aws-lambda';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { visitDeadLetters } from '../../../lib/operations/dead-letters.ts';
import type { IngestDeps } from '../../../lib/ingest/deps.ts';
import { ingest } from '../../../lib/ingest/ingest.ts';
import { redrive } from '../../../lib/operations/redrive.ts';
import type { ReceivedMessage } from '../../../lib/sqs.ts';
import {
  type AwsServer,
  startAwsServer,
  type StoredMessage,
  storedMessage,
} from '../../helpers/aws-server.ts';
import { loginMessage, sqsRecord } from '../../helpers/builders.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { createKmsDouble } from '../../../scripts/local/kms-double.ts';
import { runCli, startCli } from '../../helpers/cli.ts';
import { ingestDeps } from '../../helpers/vault.ts';

let directory: string;
let database: TestDatabase;
let deps: IngestDeps;
let aws: AwsServer;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pii-vault-redrive-'));
  database = await createTestDatabase();
  deps = ingestDeps(database, createKmsDouble());
});
afterAll(async () => {
  await database.drop();
  await rm(directory, { recursive: true });
});
beforeEach(async () => {
  aws = await startAwsServer();
});
afterEach(() => aws.close());

const run = (...parameters: string[]) => runCli(['redrive', ...parameters], aws.environment);

/** A message that ingest rejected: under a message id of its own, naming the message it was. */
function rejected(reason: string, changes: Partial<StoredMessage> = {}): StoredMessage {
  const attributes = { reason, sourceMessageId: randomUUID() };
  return storedMessage({ attributes, ...changes });
}

/** The login queue's messages as Lambda would hand them to ingest. */
function records(): SQSRecord[] {
  return aws.login.map(({ messageId, body, sentAt, attributes }) => {
    const record = sqsRecord(body, { messageId });
    record.attributes.SentTimestamp = String(sentAt);
    for (const [name, stringValue] of Object.entries(attributes)) {
      record.messageAttributes[name] = { stringValue, dataType: 'String' };
    }
    return record;
  });
}

async function loginsOf(userId: string): Promise<Record<string, unknown>[]> {
  const { rows } = await database.admin.query<Record<string, unknown>>(
    `select to_char(create_date, 'YYYY-MM-DD') as day from user_logins where user_id = $1`,
    [userId],
  );
  return rows;
}

async function repairFile(code: string): Promise<string> {
  const path = join(directory, `${randomUUID()}.mjs`);
  await writeFile(path, `export default ${code};`);
  return path;
}

describe('pii-vault redrive', () => {
  it('counts the messages by reason and age, sends nothing, and leaves them visible', async () => {
    const hour = 60 * 60 * 1000;
    aws.dead = [
      ...Array.from({ length: 11 }, () => rejected('invalid_json', { body: 'canary' })),
      rejected('invalid_field:ip', { sentAt: Date.now() - 30 * hour }),
      storedMessage({ sentAt: Date.now() - 2 * hour }),
      rejected('198.51.100.7 is no code'),
    ];
    const { code, output } = await run('--dry-run');

    expect(code).toBe(0);
    expect(output).toMatch(/^invalid_json +11 +11 +0 +0 +0 +11$/m);
    expect(output).toMatch(/^invalid_field:ip +1 +0 +0 +1 +0 +1$/m);
    expect(output).toMatch(/^failed_too_often +1 +0 +1 +0 +0 +1$/m);
    expect(output).toMatch(/^other +1 /m);
    expect(output).toContain('repair them with --repair');
    expect((await run('--reason', 'failed_too_often')).output).not.toContain('--repair');
    const none = await run('--reason', 'nosuch', '--send');
    expect(none.output).not.toContain('--redriven');
    expect(output).not.toMatch(/canary|198\.51/);
    expect(aws.login).toEqual([]);
    expect(aws.dead.map(({ hiddenUntil }) => hiddenUntil)).toEqual(Array(14).fill(0));
    expect(aws.actions).not.toContain('AmazonSQS.DeleteMessageBatch');
    expect(await run('--dry-run', '--send')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("option '--dry-run' cannot be used with option '--send'"),
    });
  });

  it('sends each as the message it was, of its own day, and deletes it', async () => {
    const sentAt = Date.now() - 3 * 24 * 60 * 60 * 1000;
    const body = ` ${JSON.stringify(loginMessage())}\n`;
    const own = rejected('invalid_field:ip', { body, sentAt });
    const moved = storedMessage({ body, sentAt });
    const again = storedMessage({
      body,
      attributes: { sourceMessageId: randomUUID(), sourceSentTimestamp: String(sentAt) },
    });
    aws.dead = [own, moved, again];

    expect(await run('--send')).toMatchObject({ code: 0 });
    expect(aws.dead).toEqual([]);
    const at = { body, attributes: { sourceSentTimestamp: String(sentAt) } };
    expect(aws.login).toMatchObject([
      { ...at, attributes: { sourceMessageId: own.attributes['sourceMessageId'] } },
      { ...at, attributes: { sourceMessageId: moved.messageId } },
      { ...at, attributes: { sourceMessageId: again.attributes['sourceMessageId'] } },
    ]);
    expect(aws.login.map(({ attributes }) => Object.keys(attributes).length)).toEqual([2, 2, 2]);
    // what is gone is kept in memory no longer
    expect(aws.actions).not.toContain('AmazonSQS.ChangeMessageVisibilityBatch');
  });

  it('counts a message once that was stored before SQS moved it to the dead letters', async () => {
    const user = randomUUID();
    const sentAt = Date.now() - 3 * 24 * 60 * 60 * 1000;
    const message = storedMessage({
      body: JSON.stringify(loginMessage({ user_id: user })),
      sentAt,
    });
    aws.login = [message];
    await ingest(records(), deps);
    aws.login = [];
    aws.dead = [message];

    await run('--send');
    await ingest(records(), deps);
    const day = new Date(sentAt).toISOString().slice(0, 10);
    expect(await loginsOf(user)).toEqual([{ day }]);
  });

  it('lets messages count once when it is killed between sending and deleting', async () => {
    const user = randomUUID();
    const body = JSON.stringify(loginMessage({ user_id: user }));
    aws.dead = Array.from({ length: 25 }, () => rejected('invalid_json', { body }));
    const killed = startCli(['redrive', '--send'], aws.environment);
    let pages = 0;
    aws.before = (action) => {
      if (action !== 'AmazonSQS.DeleteMessageBatch' || (pages += 1) < 2) return;
      killed.process.kill('SIGKILL');
      throw new Error('killed');
    };
    expect(await killed.ended).toMatchObject({ code: null });
    // one page is deleted, and more than that is sent
    const [sent, left] = [aws.login.length, aws.dead.length];
    expect(left).toBeLessThan(25);
    expect(sent).toBeGreaterThan(25 - left);

    // the killed one's messages are hidden for a while
    for (const message of aws.dead) message.hiddenUntil = 0;
    aws.before = () => undefined;
    expect(await run('--send')).toMatchObject({ code: 0 });
    expect([aws.login.length, aws.dead.length]).toEqual([sent + left, 0]);
    // in two batches: some of the doubles come in one delivery, some in another
    await ingest(records().slice(0, 15), deps);
    await ingest(records().slice(15), deps);
    expect(await loginsOf(user)).toHaveLength(25);
  });

  it('sends those of the reasons named, and no others', async () => {
    aws.dead = ['invalid_json', 'invalid_message', 'invalid_field:ip'].map((reason) =>
      rejected(reason, { body: reason }),
    );
    const only = await run('--reason', 'invalid_json', '--reason', 'invalid_field:ipp');
    expect(only).toMatchObject({
      code: 1,
      output: expect.stringContaining('No message has the reason invalid_field:ipp.'),
    });
    expect(only.output).toMatch(/^invalid_json /m);
    expect(only.output).not.toMatch(/^invalid_message/m);

    await run('--send', '--reason', 'invalid_json', '--reason', 'invalid_field:ip');
    expect(aws.login.map(({ body }) => body)).toEqual(['invalid_json', 'invalid_field:ip']);
    expect(aws.dead).toMatchObject([{ body: 'invalid_message', hiddenUntil: 0 }]);
  });

  it('sends repaired bodies, and leaves what is not repaired', async () => {
    const broken = loginMessage({ app_version: 23 });
    aws.dead = [
      rejected('invalid_field:app_version', { body: JSON.stringify(broken) }),
      rejected('invalid_json', { body: `${JSON.stringify(loginMessage())}}` }),
      rejected('invalid_field:ip', { body: JSON.stringify(loginMessage({ ip: 'canary' })) }),
      rejected('invalid_message', { body: '["leave it"]' }),
      rejected('invalid_message', { body: '["throw"]' }),
    ];
    const repair = await repairFile(`(body, { reason, raw }) => {
      if (reason === 'invalid_json') return raw.slice(0, -1);
      if (reason === 'invalid_field:ip') return { ...body, ip: 'still canary' };
      if (body[0] === 'leave it') return null;
      return { ...body, app_version: body.app_version.toString() };
    }`);

    const { output } = await run('--repair', repair);
    expect(output).toMatch(/^invalid_message +2 .* 0 +2$/m);
    expect(aws.login).toEqual([]);

    const sent = await run('--repair', repair, '--send');
    expect(aws.login).toHaveLength(2);
    expect(JSON.parse(aws.login[0]!.body)).toEqual({ ...broken, app_version: '23' });
    expect(aws.dead).toHaveLength(3);
    expect(output + sent.output).not.toContain('canary');
    await ingest(records(), deps);
    expect(await loginsOf(String(broken['user_id']))).toHaveLength(1);
  });

  it('leaves what SQS does not take, and exits with 1', async () => {
    aws.dead = [rejected('invalid_json', { body: 'a' }), storedMessage({ body: 'b' })];
    aws.refused.add('a');
    expect(await run('--send')).toMatchObject({
      code: 1,
      output: expect.stringContaining('SQS refused 1 message:'),
    });
    expect(aws.login).toMatchObject([{ body: 'b' }]);
    expect(aws.dead).toMatchObject([{ body: 'a', hiddenUntil: 0 }]);
  });

  it('does not send again what is rejected again while it runs', async () => {
    aws.dead = [rejected('invalid_json', { body: 'never right' })];
    aws.before = (action) => {
      if (action !== 'AmazonSQS.ReceiveMessage') return;
      // ingest is quick
      for (const message of aws.login) aws.dead.push({ ...message, messageId: randomUUID() });
      aws.login = [];
    };
    expect(await run('--send')).toMatchObject({
      code: 0,
      output: expect.stringContaining(
        'came after this command began: 1 message. Those just sent that ingest rejected',
      ),
    });
    expect(aws.actions.filter((action) => action.endsWith('SendMessageBatch'))).toHaveLength(1);
  });

  it('says what it has done and how to go on when it is cancelled, with exit code 130', async () => {
    aws.dead = Array.from({ length: 600 }, () => rejected('invalid_json', { body: 'a' }));
    const cancelled = startCli(['redrive', '--send'], aws.environment);
    let pages = 0;
    aws.before = (action) => {
      if (action !== 'AmazonSQS.DeleteMessageBatch' || (pages += 1) !== 10) return undefined;
      cancelled.process.kill('SIGINT');
      return cancelled.printed('Stopping');
    };
    const { code, stdout, stderr } = await cancelled.ended;
    expect(code).toBe(130);
    expect(stdout).toMatch(/Sent \d+ of \d+ dead-letter messages/);
    expect(stderr).toContain('Cancelled. Messages not sent are still in the dead-letter queue');
    // no page was left half done, and nothing stays hidden
    expect(aws.login.length + aws.dead.length).toBe(600);
    expect(aws.dead.length).toBeGreaterThan(0);
    expect(aws.dead.every(({ hiddenUntil }) => hiddenUntil === 0)).toBe(true);
  });

  it('prints one JSON object with --json', async () => {
    aws.dead = [rejected('invalid_json', { body: 'canary' })];
    const { code, stdout } = await run('--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      stage: 'local',
      found: 1,
      sent: 0,
      complete: true,
      reasons: { invalid_json: { found: 1, chosen: 1 } },
    });
  });

  it.each([
    [null, 'The local stack is not running'],
    [{ LOGIN_QUEUE_URL: 'http://127.0.0.1:9/q' }, 'The local stack has no DEAD_LETTER_QUEUE_URL'],
  ])('exits with 2 where it does not know both queues: %o', async (local, message) => {
    const result = await runCli(['redrive'], local);
    expect(result).toMatchObject({ code: 2, output: expect.stringContaining(message) });
  });

  it('says that the local stack is starting', async () => {
    const starting = await mkdtemp(join(tmpdir(), 'pii-vault-starting-'));
    await writeFile(join(starting, 'lock'), `${process.pid} start\n`);
    const environment = { VAULT_LOCAL_DIR: starting };
    expect(await runCli(['redrive'], null, { environment })).toMatchObject({
      code: 2,
      output: expect.stringContaining(`The local stack is starting (process ${process.pid})`),
    });
    await rm(starting, { recursive: true });
  });

  it('exits with 2 when the queue does not answer, and without a word of AWS', async () => {
    aws.before = () => {
      throw new Error('denied');
    };
    expect(await run('--send')).toMatchObject({
      code: 2,
      output:
        'The dead-letter queue: access denied (AccessDeniedException): ' +
        'your AWS credentials do not allow it\n',
    });
    expect(await run('--repair', join(directory, 'none.mjs'))).toMatchObject({ code: 2 });
    expect(await run('--resend')).toMatchObject({ code: 2 });
  });
});

const message = (messageId: string): ReceivedMessage => ({
  messageId,
  body: '',
  sentAt: new Date(0),
  attributes: {},
  receiptHandle: `handle of ${messageId}`,
});

describe('visitDeadLetters', () => {
  it('visits each message once, also when the first come again, and ends', async () => {
    const pages = [['a', 'b'], ['c', 'a'], ['c', 'a'], ['d']];
    const seen: string[] = [];
    let released: readonly string[] = [];
    const queue = {
      receive: async () => (pages.shift() ?? []).map(message),
      release: async (handles: readonly string[]) => void (released = handles),
    };
    const visit = async (page: readonly ReceivedMessage[]) => {
      seen.push(...page.map(({ messageId }) => messageId));
      return new Set(['b']);
    };
    await visitDeadLetters(queue, visit);
    expect(seen).toEqual(['a', 'b', 'c']);
    expect(released).toEqual(['handle of a', 'handle of c']);
  });

  it('makes the messages visible again when it fails', async () => {
    let released: readonly string[] = [];
    const queue = {
      receive: async () => [message('a')],
      release: async (handles: readonly string[]) => void (released = handles),
    };
    const failing = visitDeadLetters(queue, () => Promise.reject(new Error('in between')));
    await expect(failing).rejects.toThrow('in between');
    expect(released).toEqual(['handle of a']);
  });

  it('stops all receivers before it makes messages visible again', async () => {
    const events: string[] = [];
    let received = 0;
    const queue = {
      receive: async () => [message(String((received += 1)))],
      release: async () => void events.push('released'),
    };
    const visit = async ([first]: readonly ReceivedMessage[]) => {
      await new Promise((resolve) => setTimeout(resolve, first!.messageId === '1' ? 0 : 50));
      if (first!.messageId === '1') throw new Error('in between');
      events.push('visited');
      return new Set<string>();
    };
    const failing = visitDeadLetters(queue, visit, { receivers: 3 });
    await expect(failing).rejects.toThrow('in between');
    expect(events).toEqual(['visited', 'visited', 'released']);
  });

  it('gives up when SQS takes nothing, page after page', async () => {
    let received = 0;
    const report = await redrive(
      { send: true, reasons: [], repair: null },
      {
        receive: async () => [message(String((received += 1)))],
        release: async () => undefined,
        send: async (messages) => messages.map((_, index) => index),
        remove: async () => [],
        now: () => new Date(),
      },
    );
    expect(received).toBe(3);
    expect(report.complete).toBe(false);
  });
});
