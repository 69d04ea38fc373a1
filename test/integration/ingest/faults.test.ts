import { randomUUID } from 'node:crypto';
import type { SQSRecord } from 'aws-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { createBatchWriter } from '../../../db/write-batch.ts';
import { DatabaseError, KeyServiceError } from '../../../lib/errors.ts';
import { ingest } from '../../../lib/ingest/ingest.ts';
import { loginMessage, sqsRecord } from '../../helpers/builders.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { terminate, untilBlocked, whileHolding } from '../../helpers/faults.ts';
import { createKmsDouble, type KmsDouble } from '../../../scripts/local/kms-double.ts';
import { startProxy } from '../../helpers/proxy.ts';
import { readable } from '../../helpers/readable.ts';
import { containerDeps, ingestDeps } from '../../helpers/vault.ts';

const settled = { batchItemFailures: [] };
const lockLogins = 'lock table user_logins in access exclusive mode';

let database: TestDatabase;
let kms: KmsDouble;
let deps: ReturnType<typeof ingestDeps>;
let userId: string;
let records: SQSRecord[];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  kms = createKmsDouble();
  deps = ingestDeps(database, kms);
  userId = randomUUID();
  records = Array.from({ length: 3 }, () => sqsRecord(loginMessage({ user_id: userId })));
  // every test starts with its container's connection open
  await ingest([sqsRecord()], deps);
});

async function storedLogins(): Promise<number> {
  const { rows } = await database.admin.query<{ count: number }>(
    'select count(*)::integer as count from user_logins where user_id = $1',
    [userId],
  );
  return rows[0]!.count;
}

/** The error of a batch that failed, which tells nothing of what was in it. */
async function failureOf(work: Promise<unknown>): Promise<unknown> {
  const error: unknown = await work.then(
    () => expect.fail('the batch did not fail'),
    (thrown: unknown) => thrown,
  );
  for (const { body } of records) {
    const { ip, device_id } = JSON.parse(body) as { ip: string; device_id: string };
    expect(readable(error)).not.toContain(ip);
    expect(readable(error)).not.toContain(device_id);
  }
  return error;
}

/** Why no message of the batch was touched: the log says it, once, and all are to be delivered again. */
async function unavailable(container = deps): Promise<unknown> {
  const errors: unknown[] = [];
  container.log = { ...container.log, error: (_event, error) => void errors.push(error) };
  expect(await ingest(records, container)).toEqual({
    batchItemFailures: records.map(({ messageId }) => ({ itemIdentifier: messageId })),
  });
  expect(errors).toHaveLength(1);
  return errors[0];
}

async function expectStoredOnceAtLast(): Promise<void> {
  expect(await storedLogins()).toBe(0);
  expect(await ingest(records, deps)).toEqual(settled);
  expect(await ingest(records, deps)).toEqual(settled);
  expect(await storedLogins()).toBe(3);
}

describe('a batch', () => {
  it('is stored on a new connection when the old one was closed in between', async () => {
    for (let round = 0; round < 5; round += 1) {
      expect(await terminate(database, 'vault_ingest')).toBeGreaterThan(0);
      expect(await ingest([sqsRecord(loginMessage({ user_id: userId }))], deps)).toEqual(settled);
    }
    expect(await storedLogins()).toBe(5);
  });

  it('is stored once when its connection is closed under the statement', async () => {
    await whileHolding(database, lockLogins, async (release) => {
      const work = ingest(records, deps);
      await untilBlocked(database, 'vault_ingest');
      await terminate(database, 'vault_ingest');
      await untilBlocked(database, 'vault_ingest');
      await release();
      expect(await work).toEqual(settled);
    });
    expect(await storedLogins()).toBe(3);
  });

  it('fails when the connection is closed again and again, and is stored once afterwards', async () => {
    await whileHolding(database, lockLogins, async () => {
      const work = failureOf(ingest(records, deps));
      for (let attempt = 0; attempt < 2; attempt += 1) {
        await untilBlocked(database, 'vault_ingest');
        await terminate(database, 'vault_ingest');
      }
      expect(await work).toEqual(new DatabaseError('57P01'));
    });
    await expectStoredOnceAtLast();
  });

  it('is stored once when the network resets and the first statement still commits', async () => {
    const proxy = await startProxy(database.port);
    deps.write = createBatchWriter(database.as('vault_ingest', proxy.port));
    await whileHolding(database, lockLogins, async (release) => {
      const work = ingest(records, deps);
      await untilBlocked(database, 'vault_ingest');
      proxy.reset();
      // the statement whose client is gone, and the second attempt at it
      await untilBlocked(database, 'vault_ingest', 2);
      await release();
      expect(await work).toEqual(settled);
    });
    expect(await storedLogins()).toBe(3);
    await proxy.close();
  });

  it('fails while the database takes no connections, and is stored once afterwards', async () => {
    const allowConnections = (allowed: boolean) =>
      database.admin.query(
        'update pg_database set datallowconn = $1 where datname = current_database()',
        [allowed],
      );
    await allowConnections(false);
    await terminate(database, 'vault_ingest');
    const error = await unavailable();
    await allowConnections(true);
    expect(error).toEqual(new DatabaseError('55000'));
    await expectStoredOnceAtLast();
  });

  it('fails while nothing listens where the database was, and is stored once afterwards', async () => {
    const proxy = await startProxy(database.port);
    await proxy.close();
    const away = containerDeps(database.as('vault_ingest', proxy.port), kms);
    expect(await unavailable(away)).toEqual(new DatabaseError('ECONNREFUSED'));
    await expectStoredOnceAtLast();
  });

  it('fails when the database goes away under it, and is stored once afterwards', async () => {
    const proxy = await startProxy(database.port);
    await proxy.close();
    const { write } = deps;
    deps.write = createBatchWriter(database.as('vault_ingest', proxy.port));
    expect(await failureOf(ingest(records, deps))).toEqual(new DatabaseError('ECONNREFUSED'));
    deps.write = write;
    await expectStoredOnceAtLast();
  });

  it('fails while the role may not write, and is stored once afterwards', async () => {
    await database.admin.query('revoke insert on user_logins from vault_ingest');
    const error = await failureOf(ingest(records, deps));
    await database.admin.query('grant insert on user_logins to vault_ingest');
    expect(error).toEqual(new DatabaseError('42501'));
    expect(deps.deadLetters).toEqual([]);
    await expectStoredOnceAtLast();
  });

  it.each(['GenerateMac', 'GenerateDataKey'] as const)(
    'fails while KMS throttles %s, and is stored once afterwards',
    async (call) => {
      kms = createKmsDouble();
      deps = ingestDeps(database, kms);
      if (call === 'GenerateDataKey') await deps.tokenizer();
      kms.fault = 'ThrottlingException';
      expect(await unavailable()).toEqual(new KeyServiceError('ThrottlingException'));
      kms.fault = null;
      await expectStoredOnceAtLast();
      const failed = { GenerateMac: 0, GenerateDataKey: 0, Decrypt: 0, [call]: 1 };
      expect(kms.calls).toEqual({
        GenerateMac: failed.GenerateMac + 1,
        GenerateDataKey: failed.GenerateDataKey + 1,
        Decrypt: 0,
      });
    },
  );

  it('fails only with those of its messages that it could not settle', async () => {
    const { write } = deps;
    deps.write = () => Promise.reject(new DatabaseError('53300'));
    const bad = sqsRecord('not json');
    expect(await ingest([bad, ...records], deps)).toEqual({
      batchItemFailures: records.map(({ messageId }) => ({ itemIdentifier: messageId })),
    });
    expect(deps.deadLetters.map(({ body }) => body)).toEqual(['not json']);
    deps.write = write;
    await expectStoredOnceAtLast();
  });

  it('is written all or nothing', async () => {
    await database.admin.query(`
      create function pg_temp_fail() returns trigger language plpgsql as $$
      begin raise exception 'no'; end $$;
      create trigger fail after insert on user_logins execute function pg_temp_fail();
    `);
    const before = await rowsOfVault();
    expect(await failureOf(ingest(records, deps))).toEqual(new DatabaseError('P0001'));
    expect(await rowsOfVault()).toEqual(before);
    await database.admin.query('drop trigger fail on user_logins');
    await expectStoredOnceAtLast();
  });
});

async function rowsOfVault(): Promise<unknown> {
  const { rows } = await database.admin.query(
    `select (select count(*) from vault.pii_vault) as sealed,
       (select count(*) from vault.data_keys) as data_keys,
       (select count(*) from vault.ingested_messages) as messages`,
  );
  return rows[0];
}

/** Lets both go half their way, in opposite order, before either can go on. */
async function meetInTheMiddle(batch: SQSRecord[], again: SQSRecord[], middle: string) {
  const other = ingestDeps(database, kms);
  await other.tokenizer();
  await whileHolding(database, middle, async (release) => {
    const work = Promise.all([ingest(batch, deps), ingest(again, other)]);
    await untilBlocked(database, 'vault_ingest', 2);
    await release();
    expect(await work).toEqual([settled, settled]);
  });
}

describe('two handlers at the same time', () => {
  it('do not deadlock over values they meet in opposite order', async () => {
    const tokenizer = await deps.tokenizer();
    for (let round = 0; round < 10; round += 1) {
      const devices = Array.from({ length: 21 }, (_, index) => `${userId} ${round} ${index}`);
      const login = (device_id: string) =>
        sqsRecord(loginMessage({ user_id: userId, ip: null, device_id }));
      await meetInTheMiddle(
        devices.map(login),
        devices.toReversed().map(login),
        `insert into vault.pii_vault (token, kind, ciphertext, data_key_id)
         select vault.token_bytes('${tokenizer.token('device_id', devices[10]!)}'), 'device_id', '', id
         from vault.data_keys limit 1`,
      );
    }
    expect(await storedLogins()).toBe(10 * 21 * 2);
  });

  it('do not deadlock over messages they are both given, in opposite order', async () => {
    for (let round = 0; round < 10; round += 1) {
      const batch = Array.from({ length: 21 }, () => sqsRecord(loginMessage({ user_id: userId })));
      await meetInTheMiddle(
        batch,
        batch.toReversed(),
        `insert into vault.ingested_messages values ('${batch[10]!.messageId}', current_date)`,
      );
    }
    expect(await storedLogins()).toBe(10 * 21);
  });
});

describe('a batch of several slices', () => {
  it('keeps what was written beside a fault, and tries no more than what is under way', async () => {
    const container = ingestDeps(database, createKmsDouble());
    const { write } = container;
    let calls = 0;
    container.write = (masked) => {
      calls += 1;
      return calls === 2 ? Promise.reject(new DatabaseError('53300')) : write(masked);
    };
    const batch = many();
    const { batchItemFailures } = await ingest(batch, container);

    expect(calls).toBe(4);
    expect(await storedOf(batch)).toBe(600);
    expect(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)).toEqual(
      [...batch.slice(100, 250), ...batch.slice(750)].map(({ messageId }) => messageId),
    );
    expect(await ingest(batch, container)).toEqual({ batchItemFailures: [] });
    expect(await storedOf(batch)).toBe(1400);
  });

  it('is stored once when its connection is closed under one slice and others wait for it', async () => {
    const batch = many();
    await whileHolding(database, lockLogins, async (release) => {
      const work = ingest(batch, deps);
      await untilBlocked(database, 'vault_ingest');
      await terminate(database, 'vault_ingest');
      await untilBlocked(database, 'vault_ingest');
      await release();
      expect(await work).toEqual(settled);
    });
    expect(await storedOf(batch)).toBe(1400);
  });

  it('throws when no slice could be written', async () => {
    const container = ingestDeps(database, createKmsDouble());
    container.write = () => Promise.reject(new DatabaseError('53300'));
    const batch = many();
    await expect(ingest(batch, container)).rejects.toMatchObject({ name: 'DatabaseError' });
    expect(await storedOf(batch)).toBe(0);
  });
});

function many(): SQSRecord[] {
  return Array.from({ length: 1400 }, () => sqsRecord());
}

async function storedOf(batch: readonly SQSRecord[]): Promise<number> {
  const { rows } = await database.admin.query<{ count: number }>(
    'select count(*)::integer as count from vault.ingested_messages where message_id = any ($1)',
    [batch.map(({ messageId }) => messageId)],
  );
  return rows[0]!.count;
}
