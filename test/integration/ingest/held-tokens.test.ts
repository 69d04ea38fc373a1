import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { eraseValues } from '../../../db/audited-requests.ts';
import type { MaskedBatch } from '../../../lib/ingest/mask.ts';
import type { IngestDeps } from '../../../lib/ingest/deps.ts';
import { ingest } from '../../../lib/ingest/ingest.ts';
import { perField, piiFields } from '../../../lib/pii-fields.ts';
import { reveal, type RevealDeps } from '../../../lib/requests/reveal.ts';
import { auditContext } from '../../helpers/audit.ts';
import { loginMessage, sqsRecord } from '../../helpers/builders.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { createKmsDouble } from '../../../scripts/local/kms-double.ts';
import { ingestDeps, revealDeps } from '../../helpers/vault.ts';

const kms = createKmsDouble();
const reason = 'ticket 4711: fraud';
const investigator = { id: 'investigator', source: 'claimed' } as const;
const officer = { id: 'arn:aws:iam::123456789012:user/officer', source: 'iam' } as const;

let database: TestDatabase;
let revealing: RevealDeps;
let container: IngestDeps;
/** What the container has sent, a statement each. */
let written: MaskedBatch[];
/** A value of each field, in canonical form. */
let values: string[];
let message: Record<string, unknown>;
let tokens: string[];

beforeAll(async () => {
  database = await createTestDatabase();
  revealing = revealDeps(database, kms);
});
afterAll(() => database.drop());

beforeEach(async () => {
  written = [];
  const deps = ingestDeps(database, kms);
  container = {
    ...deps,
    write: (batch) => {
      written.push(batch);
      return deps.write(batch);
    },
  };
  const n = Math.floor(Math.random() * 16_000_000);
  values = piiFields.map((field) => field.example(n));
  message = loginMessage(
    perField(
      ({ messageField }) => messageField,
      (field) => field.example(n),
    ),
  );
  const tokenizer = await container.tokenizer();
  tokens = piiFields.map(({ kind }, place) => tokenizer.token(kind, values[place]!));
  await ingest([sqsRecord(message)], container);
});

const erase = (erased: string[]) =>
  eraseValues(database.as('vault_erase'), auditContext({ principal: officer, reason }), erased);

async function revealed(): Promise<string[]> {
  const answer = await reveal({ tokens, reason }, investigator, randomUUID(), revealing);
  return answer.revealed.map(({ value }) => value);
}

async function countLogins(): Promise<number> {
  const columns = piiFields.map(({ column }, place) => `${column} = $${place + 1}`).join(' and ');
  const { rowCount } = await database.admin.query(
    `select from user_logins where ${columns}`,
    tokens,
  );
  return rowCount ?? 0;
}

describe('a container that saw tokens stored', () => {
  it('seals their values no more, and stores the logins', async () => {
    const calls = { ...kms.calls };
    await ingest([sqsRecord(message), sqsRecord(message)], container);
    expect(written.map(({ sealed }) => sealed.length)).toEqual([tokens.length, 0]);
    expect(kms.calls).toEqual(calls);
    expect(await countLogins()).toBe(3);
    expect(await revealed()).toEqual(values);
  });

  it('seals a value again that was erased since, when a new login brings it', async () => {
    await erase(tokens.slice(0, 1));
    expect(await ingest([sqsRecord(message)], container)).toEqual({ batchItemFailures: [] });
    // the first statement wrote nothing, the second brought every value
    expect(written.map(({ sealed }) => sealed.length)).toEqual([tokens.length, 0, tokens.length]);
    expect(await countLogins()).toBe(2);
    expect(await revealed()).toEqual(values);
  });

  it('does not bring back what was erased, when the same message is delivered again', async () => {
    const record = sqsRecord(message);
    await ingest([record], container);
    await erase(tokens);
    expect(await ingest([record], container)).toEqual({ batchItemFailures: [] });
    expect(await countLogins()).toBe(2);
    expect(await revealed()).toEqual([]);
  });

  it('stores each login of a slice once, where one value of it was erased', async () => {
    await erase(tokens.slice(0, 1));
    const others = Array.from({ length: 50 }, () => sqsRecord(loginMessage()));
    await ingest([...others, sqsRecord(message)], container);
    expect(await countLogins()).toBe(2);
    expect(await revealed()).toEqual(values);
    const { rows } = await database.admin.query(
      'select from vault.ingested_messages where message_id = any ($1)',
      [others.map(({ messageId }) => messageId)],
    );
    expect(rows).toHaveLength(50);
  });

  it('asks the database before it trusts itself, whatever it remembers', async () => {
    const stranger = perField(
      ({ messageField }) => messageField,
      (field) => field.example(16_700_000),
    );
    const tokenizer = await container.tokenizer();
    const never = piiFields.map((field) => tokenizer.token(field.kind, field.example(16_700_000)));
    container.held.add(never);
    await ingest([sqsRecord(loginMessage(stranger))], container);
    const answer = await reveal({ tokens: never, reason }, investigator, randomUUID(), revealing);
    expect(answer.revealed).toHaveLength(never.length);
  });
});
