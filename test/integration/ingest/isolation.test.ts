import { randomUUID } from 'node:crypto';
import type { SQSRecord } from 'aws-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { DatabaseError } from '../../../lib/errors.ts';
import { ingest } from '../../../lib/ingest/ingest.ts';
import type { OutgoingMessage } from '../../../lib/sqs.ts';
import { createKmsDouble, type KmsDouble } from '../../../scripts/local/kms-double.ts';
import { loginMessage, sqsRecord } from '../../helpers/builders.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { containerDeps } from '../../helpers/vault.ts';

type Container = ReturnType<typeof containerDeps>;

let database: TestDatabase;
let kms: KmsDouble;
let userId: string;
let deadLetters: OutgoingMessage[];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  kms = createKmsDouble();
  userId = randomUUID();
  deadLetters = [];
  await database.admin.query('delete from vault.attempts');
});

const messages = (count: number) =>
  Array.from({ length: count }, () => sqsRecord(loginMessage({ user_id: userId })));

function received(record: SQSRecord, times: number): SQSRecord {
  return { ...record, attributes: { ...record.attributes, ApproximateReceiveCount: `${times}` } };
}

async function storedLogins(): Promise<number> {
  const { rows } = await database.admin.query<{ count: number }>(
    'select count(*)::integer as count from user_logins where user_id = $1',
    [userId],
  );
  return rows[0]!.count;
}

async function countAttempts(): Promise<number> {
  const { rows } = await database.admin.query('select from vault.attempts');
  return rows.length;
}

/** Delivers the batch to a container. Null: it died, since it worked on one of `deadly`. */
async function deliver(
  batch: readonly SQSRecord[],
  deadly: ReadonlySet<string>,
  prepare: (container: Container) => void = () => undefined,
): Promise<SQSRecord[] | null> {
  const pool = database.as('vault_ingest');
  const container = containerDeps(pool, kms);
  const { write } = container;
  prepare(container);
  let die: (outcome: null) => void;
  const death = new Promise<null>((resolve) => (die = resolve));
  if (container.write === write) {
    container.write = (masked) => {
      if (!masked.logins.some(({ messageId }) => deadly.has(messageId))) return write(masked);
      die(null);
      return new Promise(() => undefined);
    };
  }
  const outcome = await Promise.race([
    ingest(batch, container).catch(() => ({
      batchItemFailures: batch.map(({ messageId }) => ({ itemIdentifier: messageId })),
    })),
    death,
  ]);
  await pool.end();
  deadLetters.push(...container.deadLetters);
  if (outcome === null) return null;
  const failed = new Set(outcome.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
  return batch.filter(({ messageId }) => failed.has(messageId));
}

/** Delivers a batch as SQS does until nothing of it is left; returns the number of deliveries. */
async function deliverAll(batch: readonly SQSRecord[], deadly: readonly SQSRecord[]) {
  const ids = new Set(deadly.map(({ messageId }) => messageId));
  let left = batch;
  let deliveries = 0;
  while (left.length > 0 && deliveries < 20) {
    deliveries += 1;
    const counted = left.map((record) => received(record, deliveries));
    left = (await deliver(counted, ids)) ?? left;
  }
  return deliveries;
}

const crashing = ({ body, messageId }: SQSRecord) => ({
  body,
  attributes: expect.objectContaining({ reason: 'crashes_ingest', sourceMessageId: messageId }),
});

describe('a message that kills its container', () => {
  it('is put aside at the sixth delivery, and its neighbours are stored', async () => {
    const batch = messages(30);
    const culprit = batch[7]!;
    // an hour has ten deliveries, with the default visibility timeout
    expect(await deliverAll(batch, [culprit])).toBe(6);
    expect(deadLetters).toEqual([crashing(culprit)]);
    expect(await storedLogins()).toBe(29);
  });

  it('is put aside within ten deliveries when two others are in its batch', async () => {
    const batch = messages(30);
    const culprits = [batch[0]!, batch[7]!, batch[29]!];
    expect(await deliverAll(batch, culprits)).toBeLessThanOrEqual(10);
    expect(deadLetters).toHaveLength(3);
    expect(deadLetters).toEqual(expect.arrayContaining(culprits.map(crashing)));
    expect(await storedLogins()).toBe(27);
  });

  it('holds up no message that was received less often', async () => {
    const [culprit, ...others] = messages(20);
    const batch = [received(culprit!, 3), ...others];
    expect(await deliver(batch, new Set([culprit!.messageId]))).toBeNull();
    expect(await storedLogins()).toBe(19);
  });

  it('is stored when it is sent again and kills no longer, however often it is received', async () => {
    const batch = messages(2);
    await deliverAll(batch, [batch[0]!]);
    expect(await storedLogins()).toBe(1);
    const again = sqsRecord(batch[0]!.body, {
      messageAttributes: {
        sourceMessageId: { stringValue: batch[0]!.messageId, dataType: 'String' },
      },
    });
    expect(await deliver([received(again, 3)], new Set())).toEqual([]);
    expect(await storedLogins()).toBe(2);
  });

  it('is not called that when a container died only once beside it', async () => {
    const [culprit] = messages(1);
    const ids = new Set([culprit!.messageId]);
    expect(await deliver([received(culprit!, 3)], ids)).toBeNull();
    expect(await deliver([received(culprit!, 4)], new Set())).toEqual([]);
    expect(deadLetters).toEqual([]);
    expect(await storedLogins()).toBe(1);
  });
});

function failing(container: Container): void {
  container.write = () => Promise.reject(new DatabaseError('53100'));
}

describe('messages that were received often because nothing could be stored', () => {
  it('are stored together, as fast as others, and leave no note', async () => {
    let writes = 0;
    const batch = messages(200).map((record) => received(record, 240));
    const counting = (container: Container) => {
      const { write } = container;
      container.write = (masked) => {
        writes += 1;
        return write(masked);
      };
    };
    expect(await deliver(batch, new Set(), counting)).toEqual([]);
    expect(writes).toBe(2);
    expect(await storedLogins()).toBe(200);
    expect(await countAttempts()).toBe(0);
  });

  it('stay in the queue for as long as writing fails, and no note is left', async () => {
    const batch = messages(5);
    for (let delivery = 1; delivery <= 20; delivery += 1) {
      const counted = batch.map((record) => received(record, delivery));
      expect(await deliver(counted, new Set(), failing)).toHaveLength(5);
    }
    expect(deadLetters).toEqual([]);
    expect(await countAttempts()).toBe(0);
    expect(await deliver(batch, new Set())).toEqual([]);
    expect(await storedLogins()).toBe(5);
  });

  it('stay in the queue while the notes cannot be written', async () => {
    const batch = messages(3).map((record) => received(record, 5));
    await database.admin.query('revoke insert on vault.attempts from vault_ingest');
    expect(await deliver(batch, new Set())).toHaveLength(3);
    await database.admin.query('grant insert (id, message_ids) on vault.attempts to vault_ingest');
    expect(await deliver(batch, new Set())).toEqual([]);
    expect(deadLetters).toEqual([]);
    expect(await storedLogins()).toBe(3);
  });

  it('are not put aside for notes that are older than a day', async () => {
    const [record] = messages(1);
    const old = `insert into vault.attempts values ($1, array[$2::uuid], now() - interval '25 hours')`;
    for (let n = 0; n < 3; n += 1) {
      await database.admin.query(old, [randomUUID(), record!.messageId]);
    }
    expect(await deliver([received(record!, 9)], new Set())).toEqual([]);
    expect(deadLetters).toEqual([]);
    expect(await countAttempts()).toBe(0);
  });
});
