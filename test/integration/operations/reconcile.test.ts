import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { type AwsServer, startAwsServer, storedMessage } from '../../helpers/aws-server.ts';
import { testPassword } from '../../helpers/cluster.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { runCli } from '../../helpers/cli.ts';
import { dayMs } from '../../../lib/time.ts';

const dayBefore = (days: number) => new Date(Date.now() - days * dayMs).toISOString().slice(0, 10);

let database: TestDatabase;
let aws: AwsServer;
beforeEach(async () => {
  database = await createTestDatabase();
  aws = await startAwsServer();
});
afterEach(async () => {
  await aws.close();
  await database.drop();
});

function run(...parameters: string[]): ReturnType<typeof runCli> {
  const { name, port } = database;
  const DATABASE_URL = `postgresql://vault_migrator:${testPassword}@127.0.0.1:${port}/${name}`;
  return runCli(['reconcile', ...parameters], { ...aws.environment, DATABASE_URL });
}

/** Messages in the ledger, and rows of user_logins, of a day some days ago. */
async function stored(days: number, ledger: number, logins = ledger): Promise<void> {
  await database.admin.query(
    `insert into vault.ingested_messages
     select gen_random_uuid(), $1::date from generate_series(1, $2)`,
    [dayBefore(days), ledger],
  );
  await database.admin.query(
    `insert into user_logins (user_id, create_date)
     select 'canary', $1::date from generate_series(1, $2)`,
    [dayBefore(days), logins],
  );
}

function deadLetters(days: number, count: number): void {
  const message = () => storedMessage({ body: 'canary', sentAt: Date.now() - days * dayMs });
  aws.dead.push(...Array.from({ length: count }, message));
}

const line = (days: number, ...columns: unknown[]) =>
  new RegExp(`^${[dayBefore(days), ...columns].join(' +')}$`, 'm');

describe('pii-vault reconcile', () => {
  it('finds every day right where each message is somewhere', async () => {
    await stored(3, 10);
    await stored(0, 5);
    deadLetters(3, 2);
    // sent again yesterday, under the day on which it was first sent
    aws.dead.push(
      storedMessage({
        attributes: {
          reason: 'invalid_json',
          sourceMessageId: randomUUID(),
          sourceSentTimestamp: String(Date.now() - 3 * dayMs),
        },
      }),
    );
    aws.login = [storedMessage(), storedMessage()];
    const { code, output } = await run('--sent', `${dayBefore(3)}=13`, '--sent', '7');

    expect(output).toMatch(line(3, 13, 10, 10, 0, 3, 0, 'ok'));
    expect(output).toMatch(line(0, 7, 5, 5, 0, 0, 2, 'ok'));
    expect(output).toContain('In flight in the login queue: 2.');
    expect(output).toContain('2 failed_too_often, 1 invalid_json');
    expect(output).not.toContain('canary');
    expect(code).toBe(0);
    expect(aws.dead.map(({ hiddenUntil }) => hiddenUntil)).toEqual([0, 0, 0]);
  });

  it('counts messages with a day that cannot be, and compares the other days', async () => {
    await stored(1, 10);
    // as a ledger from before the checks can hold them
    await database.admin.query(
      `alter table vault.ingested_messages drop constraint ingested_messages_sent_on`,
    );
    await database.admin.query(`
      insert into vault.ingested_messages (message_id, sent_on)
      select gen_random_uuid(), day::date
      from unnest(array['infinity', '-infinity', '5874897-01-01', '0001-01-01 BC']) as day`);
    await database.admin.query(
      `insert into user_logins (create_date) values ('infinity'), ('5874897-01-01')`,
    );
    const { code, output } = await run();
    expect(output).toContain('The ledger has 4 messages with an impossible day.');
    expect(output).toMatch(line(1, '–', 10, 10, 0, 0, '–', 'ok'));
    expect(code).toBe(1);
  });

  it.each([
    ['sent_on', `'infinity', null`],
    ['resent_on', `current_date, '5874897-01-01'`],
  ])('lets the login of ingest write no impossible %s', async (column, days) => {
    const insert = `insert into vault.ingested_messages values (gen_random_uuid(), ${days})`;
    await expect(database.as('vault_ingest').query(insert)).rejects.toThrow(
      `violates check constraint "ingested_messages_${column}"`,
    );
  });

  it('names the days of which messages are missing, and exits with 1', async () => {
    await stored(2, 10);
    await stored(1, 10);
    aws.login = [storedMessage()];
    const sent = ['--sent', `${dayBefore(2)}=11`, '--sent', `${dayBefore(1)}=11`];
    const { code, output } = await run(...sent);
    // the one in flight is of the newest day that lacks one
    expect(output).toMatch(line(2, 11, 10, 10, 0, 0, 0, '1 sent but nowhere'));
    expect(output).toMatch(line(1, 11, 10, 10, 0, 0, 1, 'ok'));
    expect(output).toContain(`These days differ: ${dayBefore(2)}\n`);
    expect(code).toBe(1);
  });

  it('exits with 1 when there is more of a day than was sent', async () => {
    await stored(1, 10);
    deadLetters(1, 1);
    const { code, output } = await run('--sent', `${dayBefore(1)}=10`);
    expect(output).toMatch(line(1, 10, 10, 10, 0, 1, 0, '1 more than were sent'));
    expect(code).toBe(1);
  });

  it('does not count what redrive sent to the day on which it did', async () => {
    await stored(1, 10);
    const sent = ['--sent', `${dayBefore(1)}=15`];
    expect(await run(...sent)).toMatchObject({ code: 1 });
    const { code, output } = await run(...sent, '--redriven', `${dayBefore(1)}=5`);
    expect(output).toMatch(line(1, 10, 10, 10, 0, 0, 0, 'ok'));
    expect(code).toBe(0);
  });

  it('compares only the tables where it is not told what was sent', async () => {
    await stored(1, 10);
    expect(await run()).toMatchObject({
      code: 0,
      output: expect.stringContaining('only the tables are compared'),
    });
  });

  it('exits with 1 when the ledger holds more than user_logins', async () => {
    await stored(1, 10, 9);
    const { code, output } = await run();
    expect(output).toContain('1 in the ledger but not in user_logins');
    expect(code).toBe(1);
  });

  it('tells rows from elsewhere, which are wrong only where nobody else may write', async () => {
    await stored(4, 3, 10);
    await stored(1, 10);
    const found = await run();
    expect(found.output).toMatch(line(4, '–', 3, 10, 7, 0, '–', 'ok'));
    expect(found.output).toContain(
      'user_logins holds rows from before the vault, or from elsewhere',
    );
    expect(found.code).toBe(0);

    expect(await run('--only-vault-since', dayBefore(3))).toMatchObject({ code: 0 });
    expect(await run('--only-vault-since', dayBefore(4))).toMatchObject({
      code: 1,
      output: expect.stringContaining('7 in user_logins but not in the ledger'),
    });
  });

  it('leaves out days whose ledger is pruned, and says so', async () => {
    await stored(15, 2);
    await stored(16, 0, 5);
    const { code, output } = await run();
    expect(output).toContain(dayBefore(15));
    expect(output).not.toContain(dayBefore(16));
    expect(output).toContain('Days before the last 15 are left out: their ledger is pruned.');
    expect(code).toBe(0);
    expect(await run('--sent', `${dayBefore(16)}=5`)).toMatchObject({
      code: 2,
      output: expect.stringContaining('is pruned'),
    });
  });

  it.each([
    ['--sent', 'many'],
    ['--sent', '2026-13-77=4'],
    ['--only-vault-since', 'ever'],
    ['--day'],
  ])('exits with 2 and says how it is used: %s %s', async (...parameters) => {
    const result = await run(...parameters.filter(Boolean));
    expect(result).toMatchObject({
      code: 2,
      output: expect.stringContaining('npx pii-vault reconcile --help'),
    });
  });

  it('exits with 2 when the database does not answer, without its address', async () => {
    const DATABASE_URL = `postgresql://nobody:${testPassword}@127.0.0.1:9/nowhere`;
    const environment = { ...aws.environment, DATABASE_URL };
    const { code, output } = await runCli(['reconcile'], environment);
    expect({ code, output }).toEqual({
      code: 2,
      output: 'The database answered ECONNREFUSED: is it up, and does the way to it lead there?\n',
    });
  });
});
