import type { SQSRecord } from 'aws-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { DatabaseError } from '../../../lib/errors.ts';
import { ingest } from '../../../lib/ingest/ingest.ts';
import { sourceAttributes, sourceOf } from '../../../lib/ingest/source-message.ts';
import { piiFields } from '../../../lib/pii-fields.ts';
import { loginMessage, sqsRecord } from '../../helpers/builders.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { createKmsDouble } from '../../../scripts/local/kms-double.ts';
import { ingestDeps } from '../../helpers/vault.ts';

const kms = createKmsDouble();

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const without = (field: string) => {
  const { [field]: _left, ...rest } = loginMessage();
  return rest;
};
const sentAt = (SentTimestamp: string): SQSRecord => {
  const record = sqsRecord();
  return { ...record, attributes: { ...record.attributes, SentTimestamp } };
};

/** What can never be stored, and the reason it is given. */
const rejected: [string, SQSRecord, string][] = [
  ['text', sqsRecord('not json'), 'invalid_json'],
  ['nothing', sqsRecord(''), 'invalid_json'],
  ['a raw NUL', sqsRecord('{"user_id":"\0"}'), 'invalid_json'],
  ['a JSON number', sqsRecord('42'), 'invalid_message'],
  ['null', sqsRecord('null'), 'invalid_message'],
  ['an array', sqsRecord([loginMessage()]), 'invalid_message'],
  ['no user', sqsRecord(without('user_id')), 'invalid_field:user_id'],
  ['no address', sqsRecord(without('ip')), 'invalid_field:ip'],
  ['no device', sqsRecord(without('device_id')), 'invalid_field:device_id'],
  ['no locale', sqsRecord(without('locale')), 'invalid_field:locale'],
  ['no version', sqsRecord(without('app_version')), 'invalid_field:app_version'],
  ['no device type', sqsRecord(without('device_type')), 'invalid_field:device_type'],
  ...(
    [
      ['user_id', ''],
      ['user_id', 'x'.repeat(129)],
      ['user_id', 7],
      ['user_id', null],
      ['user_id', 'a\0b'],
      ['user_id', '\uD83D'],
      ['device_type', 'x'.repeat(33)],
      ['device_type', 'a\0'],
      ['locale', 'x'.repeat(33)],
      ['locale', '\uDE00'],
      ['locale', ['RU']],
      ['ip', '256.0.0.1'],
      ['ip', 'fe80::1%eth0'],
      ['ip', '192.0.2.1\0'],
      ...piiFields.flatMap(({ messageField }) =>
        ['', ' \u00A0', 'x'.repeat(257), 'a\0b', '\uD83D', 5934742, { v4: '192.0.2.1' }].map(
          (value) => [messageField, value] as const,
        ),
      ),
      ['app_version', 'latest'],
      ['app_version', '1.2.3.4'],
      ['app_version', '1.1000.0'],
      ['app_version', '2147.0.0'],
      ['app_version', 2.3],
    ] as const
  ).map(([field, value]): [string, SQSRecord, string] => [
    `${field} ${JSON.stringify(value).slice(0, 30)}`,
    sqsRecord(loginMessage({ [field]: value })),
    `invalid_field:${field}`,
  ]),
  ['no message id of SQS', sqsRecord(loginMessage(), { messageId: 'm-1' }), 'invalid_message_id'],
  ['no time of sending', sentAt(''), 'invalid_sent_timestamp'],
  ['a time of sending that is none', sentAt('yesterday'), 'invalid_sent_timestamp'],
  ['a time of sending before 1970', sentAt('-1'), 'invalid_sent_timestamp'],
];

async function storedUsers(records: SQSRecord[]): Promise<number> {
  const users = records.map(({ body }) => (JSON.parse(body) as { user_id: string }).user_id);
  const { rows } = await database.admin.query<{ count: number }>(
    'select count(*)::integer as count from user_logins where user_id = any ($1)',
    [users],
  );
  return rows[0]!.count;
}

describe('a message that can never be stored', () => {
  it.each(rejected)(
    'goes to the dead-letter queue, the rest of its batch is stored: %s',
    async (_what, bad, reason) => {
      const deps = ingestDeps(database, kms);
      const good = [sqsRecord(), sqsRecord()];
      expect(await ingest([good[0]!, bad, good[1]!], deps)).toEqual({ batchItemFailures: [] });
      expect(deps.deadLetters).toEqual([
        {
          body: bad.body,
          attributes: {
            reason,
            ...sourceAttributes({ ...sourceOf(bad), messageId: bad.messageId }),
          },
        },
      ]);
      expect(await storedUsers(good)).toBe(2);
    },
  );

  it('is sent away once, when SQS delivers it twice in a batch', async () => {
    const deps = ingestDeps(database, kms);
    const bad = sqsRecord('not json');
    expect(await ingest([bad, bad], deps)).toEqual({ batchItemFailures: [] });
    expect(deps.deadLetters).toHaveLength(1);
  });

  it('is sent away with all others of its batch, and the database is left alone', async () => {
    const deps = ingestDeps(database, kms);
    const records = rejected.map(([, record]) => record);
    expect(await ingest(records, deps)).toEqual({ batchItemFailures: [] });
    expect(deps.deadLetters.map(({ attributes }) => attributes?.reason)).toEqual(
      rejected.map(([, , reason]) => reason),
    );
  });

  it('is reported as failed when it cannot be sent away, and only it', async () => {
    const deps = ingestDeps(database, kms);
    const [sent, unsent, good] = [sqsRecord('not json'), sqsRecord('nor this'), sqsRecord()];
    deps.sendToDeadLetters = (messages) =>
      Promise.resolve([messages.findIndex(({ body }) => body === unsent.body)]);
    expect(await ingest([sent, good, unsent], deps)).toEqual({
      batchItemFailures: [{ itemIdentifier: unsent.messageId }],
    });
    expect(await storedUsers([good])).toBe(1);
  });
});

const refused = () => sqsRecord(loginMessage({ device_type: 'forbidden' }));

describe("a login refused by a constraint of the table's owner", () => {
  beforeAll(() =>
    database.admin.query(
      `alter table user_logins add constraint owners_rule check (device_type <> 'forbidden')`,
    ),
  );

  it('goes to the dead-letter queue, the rest of its batch is stored', async () => {
    const deps = ingestDeps(database, kms);
    const good = Array.from({ length: 9 }, () => sqsRecord());
    const bad = [refused(), refused()];
    const batch = [...good.slice(0, 2), bad[0]!, ...good.slice(2), bad[1]!];
    expect(await ingest(batch, deps)).toEqual({ batchItemFailures: [] });
    expect(await storedUsers(good)).toBe(9);
    expect(deps.deadLetters).toEqual(
      bad.map(({ body, messageId }) => ({
        body,
        attributes: expect.objectContaining({
          reason: 'refused_by_database',
          sourceMessageId: messageId,
        }),
      })),
    );
  });

  it('leaves nothing in the vault', async () => {
    const count = async () => {
      const { rows } = await database.admin.query<{ count: number }>(
        `select (select count(*) from vault.pii_vault) + (select count(*) from vault.data_keys)
           + (select count(*) from vault.ingested_messages) as count`,
      );
      return rows[0]!.count;
    };
    const before = await count();
    await ingest([refused()], ingestDeps(database, kms));
    expect(await count()).toBe(before);
  });

  it('is told apart from a passing fault that meets the rest of its batch', async () => {
    const deps = ingestDeps(database, kms);
    const { write } = deps;
    const [stored, bad, first, second] = [sqsRecord(), refused(), sqsRecord(), sqsRecord()];
    deps.write = async (batch) => {
      const messages = batch.logins.map(({ messageId }) => messageId);
      // the whole batch reaches Postgres; when its second half comes alone, the connection breaks
      if (messages.length === 2 && messages[0] === first.messageId)
        throw new DatabaseError('57P01');
      return write(batch);
    };
    expect(await ingest([stored, bad, first, second], deps)).toEqual({
      batchItemFailures: [
        { itemIdentifier: first.messageId },
        { itemIdentifier: second.messageId },
      ],
    });
    expect(await storedUsers([stored])).toBe(1);
    expect(await storedUsers([first, second])).toBe(0);
    expect(deps.deadLetters.map(({ body }) => body)).toEqual([bad.body]);

    deps.write = write;
    expect(await ingest([first, second], deps)).toEqual({ batchItemFailures: [] });
    expect(await storedUsers([first, second])).toBe(2);
  });
});
