import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { afterAll, describe, expect, it } from 'vitest';

import { migrate } from '../../../db/migrate/migrate.ts';
import { type WorkingRole, workingRoles } from '../../../db/roles.ts';
import { ingest } from '../../../lib/ingest/ingest.ts';
import { createKmsDouble } from '../../../scripts/local/kms-double.ts';
import { someToken } from '../../helpers/audit.ts';
import { claim, endStolenLogins, stolenLogin } from '../../helpers/attacker.ts';
import { loginMessage, sqsRecord } from '../../helpers/builders.ts';
import { ingestDeps } from '../../helpers/vault.ts';
import { wideLimits } from '../../helpers/postgres.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';

const maxTries = 100;

// these wait for seconds, so they wait together, each in a database of its own
const databases: TestDatabase[] = [];
afterAll(async () => {
  await endStolenLogins();
  await Promise.all(databases.map((database) => database.drop()));
});

async function newDatabase(): Promise<TestDatabase> {
  const database = await createTestDatabase();
  databases.push(database);
  return database;
}

const request = (source: string) =>
  `'r', '${source}', 'mallory', 'a reason of somebody', '{${someToken(1)}}'`;
const appends: [WorkingRole, string][] = [
  ['vault_reveal', `select from vault.claim_reveal(${request('claimed')})`],
  ['vault_tokenize', `select from vault.look_up(${request('iam')})`],
  ['vault_erase', `select from vault.erase(${request('iam')})`],
  ['vault_maintain', 'select vault.expire_requests()'],
];

const unlimited = `
  set statement_timeout = 0; set lock_timeout = 0; set idle_in_transaction_session_timeout = 0;
  set idle_session_timeout = 0; set tcp_keepalives_idle = 1`;

/** Whether the session still answers. */
const isAlive = (client: Client) =>
  client.query('select 1').then(
    () => true,
    () => false,
  );

describe.concurrent(
  'a session that keeps the lock of the audit for ever',
  { timeout: 90_000 },
  () => {
    it.each(appends)('as %s, is ended by those who wait', async (role, append) => {
      const database = await newDatabase();
      const thief = await stolenLogin(database, role);
      await thief.query(`${unlimited}; begin; ${append}`);

      const other = database.as('vault_reveal_url');
      let tries = 0;
      for (; tries < maxTries; tries += 1) {
        const isDone = await other.query(claim('honest', [someToken(2)], 'iam')).then(
          () => true,
          () => false,
        );
        if (isDone) break;
        // no single try waits for longer than its lock timeout
        await sleep(100);
      }
      expect(tries).toBeLessThan(maxTries);
      expect(await isAlive(thief)).toBe(false);
    });

    it('is ended by the daily round too, also while it is busy', async () => {
      const database = await newDatabase();
      const thief = await stolenLogin(database, 'vault_erase');
      await thief.query(`${unlimited}; begin; ${appends[2]![1]}`);
      const session = { isOver: false };
      const busy = thief.query('select pg_sleep(3600)').then(
        () => 'slept',
        (error: Error) => {
          session.isOver = true;
          return error.message;
        },
      );
      const maintain = database.as('vault_maintain');
      const ended = async () =>
        (await maintain.query<{ n: number }>('select vault.end_stale_sessions() as n')).rows[0]?.n;
      // not while its transaction could be that of a request
      expect(await ended()).toBe(0);
      // what takes longer than a moment to end is not counted
      for (let tries = 0; tries < maxTries && !session.isOver; tries += 1) {
        await sleep(250);
        await ended();
      }
      expect(session.isOver).toBe(true);
      expect(await busy).toMatch(/terminat/);
    });
  },
);

describe.concurrent('a session that hangs in an erase', { timeout: 90_000 }, () => {
  it.each([
    ['the value is deleted', false, '192.0.2.1'],
    ['values are suppressed', true, '192.0.2.2'],
  ])('keeps ingest from storing for no longer than that: %s', async (_, suppress, ip) => {
    const database = await newDatabase();
    const kms = createKmsDouble();
    const held = sqsRecord(loginMessage({ ip: '192.0.2.1' }));
    expect(await ingest([held], ingestDeps(database, kms))).toEqual({ batchItemFailures: [] });
    const cold = ingestDeps(database, kms);
    const token = (await cold.tokenizer()).token('ip', '192.0.2.1');
    const thief = await stolenLogin(database, 'vault_erase');
    await thief.query(`${unlimited}; begin;
      select from vault.erase('r', 'iam', 'mallory', 'a reason of somebody', '{${token}}', ${suppress})`);

    const record = sqsRecord(loginMessage({ ip }));
    const isStored = () =>
      ingest([record], cold).then(
        ({ batchItemFailures }) => batchItemFailures.length === 0,
        () => false,
      );
    expect(await isStored()).toBe(false);
    // SQS delivers it again
    expect(await isStored()).toBe(true);
    expect(await isAlive(thief)).toBe(false);
  });
});

describe.concurrent('the lock table of the server', { timeout: 60_000 }, () => {
  it.each(workingRoles)(
    'is not filled by advisory locks or savepoints of $name',
    async ({ name }) => {
      const database = await newDatabase();
      const thief = await stolenLogin(database, name);
      const { rows } = await database.admin.query<{ call: string }>(`
      select format('%s(%s)', proname, array_to_string(
        array(select '''1''::' || format_type(argument, null) from unnest(proargtypes) as argument), ','
      )) as call
      from pg_proc where proname like 'pg\\_%advisory%lock%' and proname not like '%unlock%'
        or proname = 'pg_logical_emit_message'`);
      expect(rows.length).toBeGreaterThanOrEqual(18);
      for (const { call } of rows) {
        await expect(thief.query(`select ${call}`), call).rejects.toThrow(
          'permission denied for function',
        );
      }
      // what poolers call between two transactions
      await thief.query('select pg_advisory_unlock_all()');
    },
  );
});

describe.concurrent('a login that holds the lock of migrations', { timeout: 60_000 }, () => {
  it('is named by migrate, which changes nothing', async () => {
    const database = await newDatabase();
    // as it is where no superuser prepared the database
    await database.admin.query('grant execute on function pg_advisory_lock(bigint) to public');
    const thief = await stolenLogin(database, 'vault_analyst');
    await thief.query(`select pg_advisory_lock(hashtext('vault.migrations'))`);
    await expect(migrate(database.as('vault_migrator'))).rejects.toMatchObject({
      name: 'DatabaseUnfit',
      message: expect.stringMatching(/vault_analyst, process \d+/),
    });
  });

  it('is named by migrate too when it holds something else that migrate changes', async () => {
    const database = await newDatabase();
    // rights on the database itself are not cloned with it
    await database.admin.query(`grant create on database ${database.name} to vault_migrator`);
    const thief = await stolenLogin(database, 'vault_migrator');
    await thief.query('begin; lock table vault.limits');
    await expect(migrate(database.as('vault_migrator'), wideLimits)).rejects.toMatchObject({
      name: 'DatabaseUnfit',
      message: expect.stringMatching(/has something locked .*vault_migrator, process \d+/),
    });
  });
});
