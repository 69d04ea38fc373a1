import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ingest } from '../../lib/ingest.ts';
import { loginMessage, sqsRecord } from '../helpers/builders.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { createKmsDouble } from '../helpers/kms-double.ts';
import { ingestParts } from '../helpers/vault.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

describe('ingest', () => {
  it('stores a login with tokens in the place of its address and device', async () => {
    const parts = ingestParts(database, createKmsDouble());
    const userId = randomUUID();
    const record = sqsRecord(loginMessage({ user_id: userId, app_version: '0.96', locale: null }));

    expect(await ingest([record], parts)).toEqual({ batchItemFailures: [] });

    const { rows } = await database.admin.query(
      'select *, create_date::text from user_logins where user_id = $1',
      [userId],
    );
    expect(rows).toEqual([
      {
        user_id: userId,
        device_type: 'android',
        masked_ip: expect.stringMatching(/^ip_v1_[A-Za-z0-9_-]{27}$/),
        masked_device_id: expect.stringMatching(/^device_id_v1_[A-Za-z0-9_-]{27}$/),
        locale: null,
        app_version: 96000,
        create_date: '2026-01-31',
      },
    ]);
  });
});
