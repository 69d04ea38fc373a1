import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { parseEnv } from 'node:util';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { AccessDenied } from '../../client/errors.ts';
import type { Credentials } from '../../client/signed-post.ts';
import { createSqsClient, type OutgoingMessage, queueDepth, sendMessages } from '../../lib/sqs.ts';
import { peekDeadLetters } from '../../cli/dead-letter-queue.ts';
import { localClient } from '../../scripts/local/local-client.ts';
import { findQueues, type Queues, type SqsClient } from '../../scripts/local/queues.ts';
import { localAws, readSettings } from '../../scripts/local/settings.ts';
import { loginMessage } from '../helpers/builders.ts';
import {
  createOwnCheckout,
  type OwnCheckout,
  stillRunning,
  withDescendants,
} from './own-checkout.ts';
import { describeOnEmulator, eventually } from './own-stack.ts';

const removed = 'Stack stopped, data deleted.\n';

describe('the local stack, where there is no Python', () => {
  let programs: string;
  let checkout: OwnCheckout;

  beforeAll(async () => {
    programs = await linkPrograms(['id', 'chown', 'ps']);
    checkout = await createOwnCheckout({ python: false, environment: { PATH: programs } });
  });

  afterAll(async () => {
    await checkout.remove();
    await rm(programs, { recursive: true });
  });

  test('runs the functions in one process, says so, and stores the sample', async () => {
    const { code, stdout } = await checkout.run('start');
    expect(stdout).toMatch(/There is no Python 3\.10 or later here, and no emulator answers at/);
    expect(stdout).toContain('The functions run in this process instead');
    expect(counts(stdout)).toEqual({
      sent: '100  from test/fixtures/login-events.jsonl',
      stored: '99',
      rejected: '1  1 invalid_field:user_id',
      duplicates: '0',
    });
    expect(stdout).toMatch(/action +erase\n/);
    expect(code).toBe(0);
  });

  test('leaves no process after a stop, and no data after the next one, which says so', async () => {
    const up = await checkout.processes();
    expect(await checkout.run('stop', '--keep-data')).toMatchObject({ code: 0 });
    expect(await stillRunning(up)).toEqual([]);
    expect(await checkout.run('stop', '--keep-data')).toMatchObject({
      stdout: 'The stack is not running. Its data are kept for the next npm start.\n',
    });
    expect(await checkout.run('stop')).toMatchObject({
      stdout: 'The stack is not running. Kept data deleted.\n',
    });
    expect(await checkout.state()).toEqual([]);
  });
});

describeOnEmulator('the local stack', () => {
  let checkout: OwnCheckout;

  beforeAll(async () => {
    checkout = await createOwnCheckout({ python: true });
  });

  afterAll(() => checkout.remove());

  test('refuses a second start beside the first, which ends all it began at Ctrl-C', async () => {
    const first = checkout.start('start');
    await first.printed('MiniStack on');
    const lock = await readFile(join(checkout.directory, '.local', 'lock'), 'utf8');
    const second = await checkout.run('start');
    expect(second.stderr).toBe(
      `npm start is already running here, as process ${Number.parseInt(lock, 10)}. ` +
        'Wait for it, or cancel it with npm stop.\n',
    );
    expect(second.code).toBe(1);

    const begun = await begunBy(first.process.pid!);
    process.kill(-first.process.pid!, 'SIGINT');
    expect(await first.ended).toMatchObject({ code: 130, stderr: 'Cancelled.\n' });
    expect(await stillRunning(begun)).toEqual([]);
    expect(await checkout.state()).toEqual([]);
  });

  test('is ended by a stop while it starts', async () => {
    const first = checkout.start('start');
    await first.printed('Postgres 18 on');
    const begun = await begunBy(first.process.pid!);
    const { code, stdout } = await checkout.run('stop');
    expect(stdout).toMatch(/^npm start is running, as process \d+: it is being cancelled\.\n/);
    expect(stdout).toContain(removed);
    expect(code).toBe(0);
    expect(await first.ended).toMatchObject({ code: 143, stderr: 'Cancelled.\n' });
    expect(await stillRunning(begun)).toEqual([]);
    expect(await checkout.state()).toEqual([]);
  });

  describe('started again, with a file', () => {
    let databaseUrl: string;
    let client: SqsClient;
    let queues: Queues;
    let printed: string;

    beforeAll(async () => {
      const messages = [
        loginMessage({ user_id: 'own' }),
        loginMessage({ user_id: 'own' }),
        poison('repaired'),
        'no JSON',
      ].map((message) => (typeof message === 'string' ? message : JSON.stringify(message)));
      await writeFile(join(checkout.directory, 'own.jsonl'), messages.join('\n'));
      await writeFile(
        join(checkout.directory, 'repair.mjs'),
        'export default (body) => (body === undefined ? null : { ...body, locale: null });\n',
      );
      const { code, stdout, stderr } = await checkout.run('start', '--file', 'own.jsonl');
      if (code !== 0) throw new Error(stdout + stderr);
      printed = stdout;

      const variables = await checkout.variables();
      databaseUrl = variables['DATABASE_URL']!;
      client = createSqsClient({ endpoint: variables['AWS_ENDPOINT_URL']!, ...localAws });
      queues = await findQueues(client);
    });

    const query = async (sql: string, values: unknown[] = []) => {
      const database = new Client({ connectionString: databaseUrl });
      await database.connect();
      try {
        return (await database.query<Record<string, unknown>>(sql, values)).rows;
      } finally {
        await database.end();
      }
    };
    const days = (user: string) =>
      query('select create_date::text as day from user_logins where user_id = $1', [user]);

    test('stores what the file holds and counts it', async () => {
      expect(counts(printed)).toEqual({
        sent: '4  from own.jsonl',
        stored: '2',
        rejected: expect.stringMatching(/^2 {2}(1 (invalid_field:locale|invalid_json)(, )?){2}$/),
        duplicates: '0',
      });
      expect(await query('select distinct user_id from user_logins')).toEqual([{ user_id: 'own' }]);
    });

    test('names the line of each rejected message, and hides its values', () => {
      expect(printed).toMatch(/^ +3 {2}invalid_field:locale +\{"user_id":"•••"/m);
      expect(printed).toMatch(/^ +4 {2}invalid_json +••• \(not JSON, 7 characters\)$/m);
      expect(printed).not.toContain('x'.repeat(33));
    });

    test('writes down how to log in as each role, for this user only', async () => {
      const local = join(checkout.directory, '.local');
      for (const name of ['env', 'roles.env', 'stack.json', 'identities.json', 'analyst.curl']) {
        expect((await stat(join(local, name))).mode & 0o777, name).toBe(0o600);
      }
      const variables = await checkout.variables();
      const names = ['DATABASE_URL', 'ANALYST_DATABASE_URL', 'AUDITOR_DATABASE_URL'];
      const logins = parseEnv(await readFile(join(local, 'roles.env'), 'utf8'));
      for (const url of [...names.map((name) => variables[name]), ...Object.values(logins)]) {
        const database = new Client({ connectionString: url! });
        await database.connect();
        await database.end();
      }
    });

    test('reveals a token of it, and hides the value', () => {
      expect(printed).toMatch(/^ +revealed +token \S+, kind \S+, value •••$/m);
    });

    test('writes down the signed URLs, and prints them', async () => {
      const variables = await checkout.variables();
      for (const name of ['REVEAL_URL', 'TOKENIZE_URL', 'ERASE_URL']) {
        expect(variables[name]).toMatch(/^http:\S+\/_aws\/lambda-url\/\w+\/$/);
        expect(printed).toContain(variables[name]);
      }
    });

    test('erases nothing of it, and prints the command that would', async () => {
      const token =
        /echo '{"tokens":\["(\S+?)"\].+ \| curl -K \.local\/privacy-officer\.curl http/.exec(
          printed,
        );
      const sealed = await query(
        'select vault.token_text(kind, token) as token from vault.pii_vault',
      );
      expect(sealed).toHaveLength(4);
      expect(sealed).toContainEqual({ token: token?.[1] });
      expect(await query('select action from vault.reveal_audit')).toEqual([{ action: 'reveal' }]);
    });

    test('makes people with an access key each', async () => {
      const path = join(checkout.directory, '.local', 'identities.json');
      const people = JSON.parse(await readFile(path, 'utf8')) as Record<string, Credentials>;
      expect(Object.keys(people)).toEqual(['investigator', 'privacy-officer', 'analyst']);
      const endpoint = (await checkout.variables())['AWS_ENDPOINT_URL']!;
      const settings = { ...readSettings({}), endpoint: new URL(endpoint) };
      const analyst = await localClient(settings, people['analyst']!);
      const { requestId } = await analyst.tokenize('ip', ['192.0.2.9'], 'a guess of a test');
      expect(
        await query(
          'select principal, principal_source from vault.reveal_audit where request_id = $1',
          [requestId],
        ),
      ).toEqual([{ principal: 'arn:aws:iam::000000000000:user/analyst', principal_source: 'iam' }]);
      await expect(analyst.erase(['ip_v1_'.padEnd(33, 'A')], 'not hers to do')).rejects.toThrow(
        AccessDenied,
      );
    });

    test('shows dead letters by reason, and sends them only when asked to', async () => {
      const { code, stdout } = await checkout.run('pii-vault', 'redrive', '--repair', 'repair.mjs');
      expect(stdout).toMatch(/^invalid_field:locale +1 +1 +0 +0 +0 +1 +0$/m);
      expect(stdout).toMatch(/^invalid_json +1 +1 +0 +0 +0 +0 +1$/m);
      expect(stdout).toContain('Nothing was sent');
      expect(code).toBe(0);
      expect(await peekDeadLetters(client, queues.deadLetter)).toHaveLength(2);
      expect(await days('repaired')).toEqual([]);
    });

    test('stores repaired letters once, each under its first day', async () => {
      const letters = await peekDeadLetters(client, queues.deadLetter);
      const { attributes } = letters.find(({ body }) => body.includes('repaired'))!;
      const today = new Date(Number(attributes['sourceSentTimestamp']));
      const earlier = new Date(today.getTime() - 3 * 24 * 60 * 60 * 1000);
      const [known] = await query('select message_id::text as id from vault.ingested_messages');
      // of a message from days ago, and of one that is stored by now
      const sent = await sendMessages(client, queues.deadLetter, [
        letter('earlier', randomUUID(), earlier),
        letter('stored', String(known?.['id']), today),
      ]);
      expect(sent).toEqual([]);

      const parameters = ['--reason', 'invalid_field:locale', '--repair', 'repair.mjs', '--send'];
      const { code, stdout } = await checkout.run('pii-vault', 'redrive', ...parameters);
      expect(stdout).toContain('Sent 3 of 4 dead-letter messages to the login queue');
      expect(code).toBe(0);
      await eventually(
        () => queueDepth(client, queues.login),
        (depth) => depth === 0,
      );
      expect(await days('repaired')).toEqual([{ day: dayOf(today) }]);
      expect(await days('earlier')).toEqual([{ day: dayOf(earlier) }]);
      expect(await days('stored')).toEqual([]);
      expect(await peekDeadLetters(client, queues.deadLetter)).toMatchObject([{ body: 'no JSON' }]);
    });

    test('keeps its data over a stop that is told to', async () => {
      const before = await query('select * from user_logins order by user_id, create_date');
      const up = await checkout.processes();
      const stopped = await checkout.run('stop', '--keep-data');
      expect(stopped.stdout).toBe('Stack stopped. The next npm start uses its data again.\n');
      expect(await stillRunning(up)).toEqual([]);
      expect(await checkout.state()).not.toContain('env');

      const plain = loginMessage({ user_id: 'plain', ip: null, device_id: null });
      await writeFile(join(checkout.directory, 'plain.jsonl'), JSON.stringify(plain));
      const { code, stdout, stderr } = await checkout.run('start', '--file', 'plain.jsonl');
      if (code !== 0) throw new Error(stdout + stderr);
      databaseUrl = (await checkout.variables())['DATABASE_URL']!;
      const after = await query('select * from user_logins order by user_id, create_date');
      expect(after.filter((row) => row['user_id'] !== 'plain')).toEqual(before);
      expect(after).toHaveLength(before.length + 1);

      // it shows what it sent, which has no token to offer
      expect(counts(stdout)).toMatchObject({
        sent: '1  from plain.jsonl',
        stored: '1',
        rejected: '0',
      });
      expect(stdout).toMatch(/^ +plain /m);
      expect(stdout).not.toMatch(/^ +own /m);
      expect(stdout).not.toMatch(/_v1_|TOKEN|sls invoke -f reveal/);
    });

    test('gives values their former tokens after that, and reveals what was sealed before', async () => {
      const { code, stdout } = await checkout.run('start', '--file', 'own.jsonl');
      expect(code).toBe(0);
      const addresses = await query(
        `select distinct masked_ip from user_logins where user_id = 'own'`,
      );
      // the file's two: they have their tokens from before
      expect(addresses).toHaveLength(2);
      expect(stdout).toMatch(/^ +outcome +revealed$/m);
    });

    test('leaves no process and no state after a stop', async () => {
      const up = await checkout.processes();
      expect(up.length).toBeGreaterThan(2);
      expect(await checkout.run('stop')).toMatchObject({ code: 0, stdout: removed });
      expect(await stillRunning(up)).toEqual([]);
      expect(await checkout.state()).toEqual([]);
    });
  });

  async function begunBy(pid: number): Promise<number[]> {
    return [...(await withDescendants([pid])), ...(await checkout.processes())];
  }
});

/** The closing screen's counts, by their names. */
function counts(printed: string): Record<string, string> {
  const [, lines = ''] = /What became of the messages\n((?: {2}.*\n)+)/.exec(printed) ?? [];
  const pairs = [...lines.matchAll(/^ {2}(\S+(?: \S+)*) {2,}(.*)$/gm)];
  return Object.fromEntries(pairs.map(([, name = '', value = '']) => [name, value]));
}

/** A login that ingest rejects, as its locale is too long. */
function poison(user: string): Record<string, unknown> {
  return loginMessage({ user_id: user, locale: 'x'.repeat(33) });
}

/** The letter that ingest made of a poison message which SQS took at that time. */
function letter(user: string, sourceMessageId: string, sentAt: Date): OutgoingMessage {
  const reason = 'invalid_field:locale';
  const sourceSentTimestamp = String(sentAt.getTime());
  return {
    body: JSON.stringify(poison(user)),
    attributes: { reason, sourceMessageId, sourceSentTimestamp },
  };
}

function dayOf(time: Date): string {
  return time.toISOString().slice(0, 10);
}

/** Makes a directory that has these of the shell's programs, and no others; returns its path. */
async function linkPrograms(names: readonly string[]): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'pii-vault-programs-'));
  for (const name of names) {
    const paths = (process.env['PATH'] ?? '').split(delimiter).map((path) => join(path, name));
    const found = paths.find((path) => existsSync(path));
    if (found !== undefined) await symlink(found, join(directory, name));
  }
  return directory;
}
