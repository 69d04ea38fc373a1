import { randomInt, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { ingest } from '../../../lib/ingest/ingest.ts';
import { piiFields, type PiiColumn } from '../../../lib/pii-fields.ts';
import { erase } from '../../../lib/requests/erase.ts';
import { reveal, type RevealResponse } from '../../../lib/requests/reveal.ts';
import { loginMessage, noPersonalFields, sqsRecord } from '../../helpers/builders.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { createKmsDouble } from '../../../scripts/local/kms-double.ts';
import { eraseDeps, ingestDeps, revealDeps } from '../../helpers/vault.ts';

const investigator = { id: 'investigator', source: 'claimed' } as const;
const officer = { id: 'arn:aws:iam::123456789012:user/officer', source: 'iam' } as const;
const reason = 'the promise about every field';
const kms = createKmsDouble();

let database: TestDatabase;
let deps: ReturnType<typeof ingestDeps>;
let revealing: ReturnType<typeof revealDeps>;
let erasing: Parameters<typeof erase>[3];
beforeAll(async () => {
  database = await createTestDatabase();
  deps = ingestDeps(database, kms);
  revealing = revealDeps(database, kms);
  erasing = eraseDeps(database);
});
afterAll(() => database.drop());

function revealTokens(...tokens: string[]): Promise<RevealResponse> {
  return reveal({ tokens, reason }, investigator, randomUUID(), revealing);
}

async function eraseTokens(...tokens: string[]): Promise<string[]> {
  const { erased } = await erase({ tokens, reason }, officer, randomUUID(), erasing);
  return erased;
}

async function tokensIn(column: PiiColumn, userId: string): Promise<(string | null)[]> {
  const { rows } = await database
    .as('vault_analyst')
    .query<{ token: string | null }>(
      `select ${column} as token from user_logins where user_id = $1`,
      [userId],
    );
  return rows.map(({ token }) => token);
}

describe.each(piiFields)('a login whose only personal value is its $kind', (field) => {
  const { kind, messageField, column } = field;
  const number = randomInt(2 ** 24);
  let next = 0;
  let userId: string;
  beforeEach(() => {
    userId = randomUUID();
  });

  /** A message with a value that no message had before, and that value with its token. */
  async function login() {
    const value = field.example(number + next);
    next += 1;
    const token = (await deps.tokenizer()).token(kind, value);
    const message = loginMessage({ ...noPersonalFields, user_id: userId, [messageField]: value });
    return { record: sqsRecord(message), token, value };
  }

  it('is stored with a token, and its value is sealed and revealed', async () => {
    const { record, token, value } = await login();
    expect(await ingest([record], deps)).toEqual({ batchItemFailures: [] });
    expect(deps.deadLetters).toEqual([]);
    expect(await tokensIn(column, userId)).toEqual([token]);
    expect(await revealTokens(token)).toMatchObject({
      revealed: [{ token, kind, value }],
      missing: [],
    });
  });

  it('has its value erased for good: the message delivered again does not bring it back', async () => {
    const { record, token } = await login();
    await ingest([record], deps);
    expect(await eraseTokens(token)).toEqual([token]);
    await ingest([record], deps);
    expect(await revealTokens(token)).toMatchObject({
      revealed: [],
      missing: [{ token, why: 'erased' }],
    });
    expect(await tokensIn(column, userId)).toEqual([token]);
  });

  it('is stored and sealed whole in a slice of which a part was stored before', async () => {
    const [held, erased, fresh] = [await login(), await login(), await login()];
    await ingest([held.record, erased.record], deps);
    await eraseTokens(erased.token);
    await ingest([erased.record, fresh.record, held.record], deps);
    expect(await revealTokens(held.token, erased.token, fresh.token)).toMatchObject({
      revealed: [
        { token: held.token, kind, value: held.value },
        { token: fresh.token, kind, value: fresh.value },
      ],
      missing: [{ token: erased.token, why: 'erased' }],
    });
    const stored = await tokensIn(column, userId);
    expect(stored).toHaveLength(3);
    expect(new Set(stored)).toEqual(new Set([held.token, erased.token, fresh.token]));
  });
});
