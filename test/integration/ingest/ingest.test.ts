import { randomUUID } from 'node:crypto';
import type { SQSRecord } from 'aws-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { pruneLedger } from '../../../db/prune-ledger.ts';
import { DatabaseError } from '../../../lib/errors.ts';
import { ingest } from '../../../lib/ingest/ingest.ts';
import { perField } from '../../../lib/pii-fields.ts';
import { loginMessage, noPersonalFields, sqsRecord } from '../../helpers/builders.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { createKmsDouble } from '../../../scripts/local/kms-double.ts';
import { ingestDeps } from '../../helpers/vault.ts';

const kms = createKmsDouble();
const settled = { batchItemFailures: [] };
const noTokens = perField(
  ({ column }) => column,
  () => null,
);

let database: TestDatabase;
let deps: ReturnType<typeof ingestDeps>;
/** Users of the test under way, so that rows of others do not count. */
let userId: string;
beforeAll(async () => {
  database = await createTestDatabase();
  deps = ingestDeps(database, kms);
});
afterAll(() => database.drop());
beforeEach(() => {
  userId = randomUUID();
  deps.deadLetters.length = 0;
});

const message = (changes: Record<string, unknown> = {}) =>
  loginMessage({ user_id: userId, ...changes });

async function storedLogins(): Promise<Record<string, unknown>[]> {
  const { rows } = await database.admin.query<Record<string, unknown>>(
    'select *, create_date::text from user_logins where user_id = $1',
    [userId],
  );
  return rows;
}

async function sealedValues(): Promise<number> {
  const { rows } = await database.admin.query<{ count: number }>(
    'select count(*)::integer as count from vault.pii_vault',
  );
  return rows[0]!.count;
}

describe('ingest', () => {
  it('stores a login with tokens in the place of its address and device', async () => {
    const record = sqsRecord(message({ app_version: '0.96', locale: 'RU' }));
    expect(await ingest([record], deps)).toEqual(settled);
    expect(await storedLogins()).toEqual([
      {
        ...noTokens,
        user_id: userId,
        device_type: 'android',
        masked_ip: expect.stringMatching(/^ip_v1_[A-Za-z0-9_-]{27}$/),
        masked_device_id: expect.stringMatching(/^device_id_v1_[A-Za-z0-9_-]{27}$/),
        locale: 'RU',
        app_version: 96000,
        create_date: '2026-01-31',
      },
    ]);
  });

  it('stores null for a null locale and null personal values, and seals nothing', async () => {
    const before = await sealedValues();
    const record = sqsRecord(message({ ...noPersonalFields, locale: null }));
    expect(await ingest([record], deps)).toEqual(settled);
    expect(await storedLogins()).toMatchObject([{ ...noTokens, locale: null }]);
    expect(await sealedValues()).toBe(before);
  });

  it('seals the one value of a login that has one', async () => {
    const before = await sealedValues();
    await ingest([sqsRecord(message({ ip: null }))], deps);
    expect(await sealedValues()).toBe(before + 1);
  });

  it('ignores fields it does not know', async () => {
    const record = sqsRecord(message({ unknown: 'x@example.org', nested: { ip: '192.0.2.1' } }));
    expect(await ingest([record], deps)).toEqual(settled);
    expect(await storedLogins()).toHaveLength(1);
    expect(deps.deadLetters).toEqual([]);
  });

  it('stores the longest values the table takes', async () => {
    const record = sqsRecord(
      message({
        device_type: '😀'.repeat(32),
        locale: 'é'.repeat(32),
        device_id: '😀'.repeat(256),
        app_version: '2146.999.999',
      }),
    );
    expect(await ingest([record], deps)).toEqual(settled);
    expect(await storedLogins()).toMatchObject([{ app_version: 2_146_999_999 }]);
  });

  it.each([
    ['the last millisecond of a day', Date.UTC(2026, 1, 28, 23, 59, 59, 999), '2026-02-28'],
    ['the first of the next', Date.UTC(2026, 2, 1), '2026-03-01'],
    ['a leap day', Date.UTC(2028, 1, 29, 12), '2028-02-29'],
  ])('dates a login by the UTC day SQS took it in: %s', async (_what, sent, day) => {
    const record = sqsRecord(message());
    record.attributes.SentTimestamp = String(sent);
    await ingest([record], deps);
    expect(await storedLogins()).toMatchObject([{ create_date: day }]);
  });

  it('gives equal values equal tokens, across batches and containers, and seals them once', async () => {
    const value = { ip: '2001:db8::77', device_id: `same ${userId}` };
    const spelled = { ip: '2001:DB8:0:0::77', device_id: ` same ${userId} ` };
    const before = await sealedValues();
    await ingest([sqsRecord(message(value)), sqsRecord(message(spelled))], deps);
    await ingest([sqsRecord(message(spelled))], ingestDeps(database, kms));
    const rows = await storedLogins();
    expect(rows).toHaveLength(3);
    expect(new Set(rows.map((row) => row.masked_ip)).size).toBe(1);
    expect(new Set(rows.map((row) => row.masked_device_id)).size).toBe(1);
    expect(await sealedValues()).toBe(before + 2);
  });

  it('stores the same message once, given twice in one batch', async () => {
    const record = sqsRecord(message());
    expect(await ingest([record, { ...record, receiptHandle: 'another' }], deps)).toEqual(settled);
    expect(await storedLogins()).toHaveLength(1);
  });

  it('stores the same message once, given in two batches', async () => {
    const record = sqsRecord(message());
    await ingest([record], deps);
    expect(await ingest([record, sqsRecord(message())], deps)).toEqual(settled);
    expect(await storedLogins()).toHaveLength(2);
  });

  it('stores the same message once, given to two handlers at the same time', async () => {
    const other = ingestDeps(database, kms);
    const rounds = 20;
    for (let round = 0; round < rounds; round += 1) {
      const record = sqsRecord(message());
      const answers = await Promise.all([ingest([record], deps), ingest([record], other)]);
      expect(answers).toEqual([settled, settled]);
    }
    expect(await storedLogins()).toHaveLength(rounds);
  });

  it('stores two messages with the same content twice', async () => {
    const body = message();
    expect(await ingest([sqsRecord(body), sqsRecord(body)], deps)).toEqual(settled);
    const rows = await storedLogins();
    expect(rows).toHaveLength(2);
    expect(rows[0]).toEqual(rows[1]);
  });

  it('stores a batch of a thousand in one go', async () => {
    const records = Array.from({ length: 1000 }, () => sqsRecord(message()));
    expect(await ingest(records, deps)).toEqual(settled);
    expect(await storedLogins()).toHaveLength(1000);
  });

  it('has nothing to do for no records', async () => {
    expect(await ingest([], deps)).toEqual(settled);
  });

  it('asks KMS twice in the life of a container, whatever it stores', async () => {
    const ownKms = createKmsDouble();
    const container = ingestDeps(database, ownKms);
    for (let batch = 0; batch < 10; batch += 1) {
      await ingest([sqsRecord(message()), sqsRecord(message())], container);
    }
    expect(ownKms.calls).toEqual({ GenerateMac: 1, GenerateDataKey: 1, Decrypt: 0 });
  });
});

describe('a message that was sent again from the dead-letter queue', () => {
  it('counts once, whichever of the two is stored first', async () => {
    const container = ingestDeps(database, createKmsDouble());
    const user = randomUUID();
    const first = sqsRecord(loginMessage({ user_id: user }));
    const again = sqsRecord(first.body, {
      messageAttributes: {
        sourceMessageId: {
          stringValue: first.messageId,
          dataType: 'String',
          binaryListValues: [],
          stringListValues: [],
        },
      },
    });

    for (const batch of [[again, first], [first], [again]]) {
      expect(await ingest(batch, container)).toEqual({ batchItemFailures: [] });
    }
    const { rows } = await database.admin.query('select 1 from user_logins where user_id = $1', [
      user,
    ]);
    expect(rows).toHaveLength(1);
  });

  it('counts once for as long as SQS may deliver what was sent again', async () => {
    const container = ingestDeps(database, createKmsDouble());
    const user = randomUUID();
    const kept = resent(user, 1, 20);
    const gone = resent(user, 17, 20);
    await ingest([kept, gone], container);
    await pruneLedger(database.as('vault_maintain'));

    await ingest([kept], container);
    expect(await loginsOf(user)).toBe(2);
    await ingest([gone], container);
    expect(await loginsOf(user)).toBe(3);
  });

  it('is reported under the id it has now when it cannot be stored', async () => {
    const container = ingestDeps(database, createKmsDouble());
    container.write = () => Promise.reject(new DatabaseError('53300'));
    const again = sqsRecord(undefined, {
      messageAttributes: {
        sourceMessageId: { stringValue: randomUUID(), dataType: 'String' },
      },
    });
    const bad = sqsRecord('no JSON');
    expect(await ingest([again, bad], container)).toEqual({
      batchItemFailures: [{ itemIdentifier: again.messageId }],
    });
  });
});

describe('a message that was repaired and sent again', () => {
  it.each([
    ['before', (repaired: SQSRecord, first: SQSRecord) => [repaired, first]],
    ['after', (repaired: SQSRecord, first: SQSRecord) => [first, repaired]],
  ])('is stored when it comes %s its first form in one batch', async (_, order) => {
    const container = ingestDeps(database, createKmsDouble());
    const user = randomUUID();
    const first = sqsRecord(loginMessage({ user_id: user, app_version: 'none' }));
    const repaired = sqsRecord(loginMessage({ user_id: user }), {
      messageAttributes: { sourceMessageId: { stringValue: first.messageId, dataType: 'String' } },
    });

    expect(await ingest(order(repaired, first), container)).toEqual({ batchItemFailures: [] });
    const { rows } = await database.admin.query('select 1 from user_logins where user_id = $1', [
      user,
    ]);
    expect(rows).toHaveLength(1);
    expect(container.deadLetters).toEqual([]);
  });
});

describe('a message that claims to be another', () => {
  it.each([
    ['that can be stored', loginMessage()],
    ['that can never be stored', 'no JSON'],
  ])('does not take its place in a batch: one %s', async (_, body) => {
    const user = randomUUID();
    const login = sqsRecord(loginMessage({ user_id: user }));
    const forged = sqsRecord(body, claim(login.messageId.toUpperCase()));
    const container = ingestDeps(database, createKmsDouble());

    for (const batch of [
      [forged, login],
      [login, forged],
    ]) {
      expect(await ingest(batch, container)).toEqual({ batchItemFailures: [] });
    }
    const { rows } = await database.admin.query('select 1 from user_logins where user_id = $1', [
      user,
    ]);
    expect(rows).toHaveLength(1);
  });

  it('is a dead letter of its own where the id that it claims is not valid', async () => {
    const container = ingestDeps(database, createKmsDouble());
    const forged = [1, 2, 3].map(() => sqsRecord(loginMessage(), claim('not-a-uuid')));
    expect(await ingest(forged, container)).toEqual({ batchItemFailures: [] });
    expect(container.deadLetters.map(({ body }) => body)).toEqual(forged.map(({ body }) => body));
  });

  it('has no text of its choice passed on beside its body', async () => {
    const container = ingestDeps(database, createKmsDouble());
    const forged = sqsRecord(loginMessage(), claim('ip=203.0.113.99'));
    await ingest([forged], container);
    expect(container.deadLetters).toEqual([
      {
        body: forged.body,
        attributes: expect.objectContaining({
          reason: 'invalid_message_id',
          sourceMessageId: forged.messageId,
        }),
      },
    ]);
  });
});

/** A message that was first sent some days ago, and sent again fewer days ago. */
function resent(user: string, resentDaysAgo: number, sentDaysAgo: number): SQSRecord {
  const record = sqsRecord(loginMessage({ user_id: user }), {
    messageAttributes: {
      ...claim(randomUUID()).messageAttributes,
      sourceSentTimestamp: { stringValue: daysAgo(sentDaysAgo), dataType: 'String' },
    },
  });
  record.attributes.SentTimestamp = daysAgo(resentDaysAgo);
  return record;
}

function daysAgo(days: number): string {
  return String(Date.now() - days * 24 * 60 * 60 * 1000);
}

async function loginsOf(user: string): Promise<number | null> {
  const { rowCount } = await database.admin.query('select from user_logins where user_id = $1', [
    user,
  ]);
  return rowCount;
}

function claim(messageId: string): Partial<SQSRecord> {
  return { messageAttributes: { sourceMessageId: { stringValue: messageId, dataType: 'String' } } };
}
