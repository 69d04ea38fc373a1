import { randomUUID } from 'node:crypto';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { erase } from '../../../lib/requests/erase.ts';
import { createTokenizerSource, type Tokenizer } from '../../../lib/crypto/token.ts';
import type { IngestDeps } from '../../../lib/ingest/deps.ts';
import { ingest } from '../../../lib/ingest/ingest.ts';
import { reveal, type RevealDeps } from '../../../lib/requests/reveal.ts';
import { loginMessage, sqsRecord } from '../../helpers/builders.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { createKmsDouble } from '../../../scripts/local/kms-double.ts';
import { eraseDeps, ingestDeps, revealDeps } from '../../helpers/vault.ts';

const investigator = { id: 'investigator', source: 'claimed' } as const;
const officer = { id: 'arn:aws:iam::123456789012:user/officer', source: 'iam' } as const;
const reason = 'erasure request 2026-17';
const kms = createKmsDouble();
const devices = 6;

let database: TestDatabase;
let containers: IngestDeps[];
/** The test's own, which needs KMS no more; each container has to get one. */
let tokenizer: Tokenizer;
let revealing: RevealDeps;
let erasing: Parameters<typeof erase>[3];

beforeAll(async () => {
  database = await createTestDatabase();
  // three containers: each with its own connection, tokenizer and data key
  containers = Array.from({ length: 3 }, () => ingestDeps(database, kms));
  tokenizer = await createTokenizerSource(kms)();
  revealing = revealDeps(database, kms);
  erasing = eraseDeps(database);
});
afterAll(() => database.drop());

/** One step of the world; several of a round run at once. */
type Step =
  | { do: 'ingest'; container: number; messages: number[] }
  | { do: 'erase'; devices: number[] }
  | { do: 'cut connections' }
  | { do: 'KMS fault'; lasting: boolean };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('ingest' as const),
      container: fc.nat(2),
      // a message number that comes again is the same message, delivered again
      messages: fc.array(fc.nat(11), { minLength: 1, maxLength: 8 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('erase' as const),
      devices: fc.uniqueArray(fc.nat(devices - 1), { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'cut connections' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('KMS fault' as const), lasting: fc.boolean() }),
  },
);

it('keeps every token of user_logins revealable or erased, whatever is interleaved', async () => {
  const rounds = fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), {
    minLength: 1,
    maxLength: 6,
  });
  await fc.assert(
    fc.asyncProperty(rounds, async (history) => {
      const world = newWorld();
      const stored = new Set<number>();
      for (const steps of history) {
        await Promise.all(steps.map((each) => take(each, world, stored)));
        kms.fault = null;
      }
      await compare(world, stored);
    }),
    { numRuns: 60 },
  );
}, 120_000);

/** Fresh devices and messages, so that histories share a database and nothing else. */
function newWorld() {
  const deviceIds = Array.from({ length: devices }, () => randomUUID());
  const messages = Array.from({ length: 12 }, (_, n) => {
    const userId = randomUUID();
    const login = loginMessage({ user_id: userId, device_id: deviceIds[n % devices], ip: null });
    return { ...sqsRecord(login), userId };
  });
  return { deviceIds, messages };
}

function tokensOf(deviceIds: readonly string[]): string[] {
  return deviceIds.map((deviceId) => tokenizer.token('device_id', deviceId));
}

async function take(
  what: Step,
  { deviceIds, messages }: ReturnType<typeof newWorld>,
  stored: Set<number>,
): Promise<void> {
  switch (what.do) {
    case 'ingest': {
      const records = what.messages.map((n) => messages[n]!);
      const ids = await ingest(records, containers[what.container]!).then(
        ({ batchItemFailures }) => new Set(batchItemFailures.map((each) => each.itemIdentifier)),
        () => null,
      );
      if (ids === null) return;
      for (const n of what.messages) if (!ids.has(messages[n]!.messageId)) stored.add(n);
      return;
    }
    case 'erase': {
      const tokens = tokensOf(what.devices.map((n) => deviceIds[n]!));
      // an erase that fails erased nothing, which the comparison would show
      await erase({ tokens, reason }, officer, randomUUID(), erasing).catch(() => undefined);
      return;
    }
    case 'cut connections':
      await database.admin.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where usename in ('vault_ingest', 'vault_erase') and datname = current_database()`,
      );
      return;
    case 'KMS fault':
      kms.fault = 'ThrottlingException';
      if (!what.lasting) await Promise.resolve().then(() => (kms.fault = null));
  }
}

async function compare(
  { deviceIds, messages }: ReturnType<typeof newWorld>,
  stored: ReadonlySet<number>,
): Promise<void> {
  const tokens = tokensOf(deviceIds);
  const { rows: logins } = await database.admin.query<{ user_id: string; token: string }>(
    'select user_id, masked_device_id as token from user_logins where masked_device_id = any ($1)',
    [tokens],
  );
  // nothing acknowledged is lost, and nothing is there twice
  const userIds = logins.map(({ user_id: userId }) => userId);
  expect(new Set(userIds).size).toBe(userIds.length);
  for (const n of stored) {
    expect(userIds).toContain(messages[n]!.userId);
  }

  const { rows: erasures } = await database.admin.query<{ token: string }>(
    `select distinct token from vault.reveal_audit
     where outcome = 'erased' and action = 'erase' and token = any ($1)`,
    [tokens],
  );
  const erased = new Set(erasures.map(({ token }) => token));
  const asked = [...new Set(logins.map(({ token }) => token))];
  if (asked.length === 0) return;
  const answer = await reveal({ tokens: asked, reason }, investigator, randomUUID(), revealing);
  for (const { token, value } of answer.revealed) {
    expect(value).toBe(deviceIds[tokens.indexOf(token)]);
  }
  for (const { token, why } of answer.missing) {
    expect(why).toBe('erased');
    expect(erased).toContain(token);
  }
  expect(answer.revealed.length + answer.missing.length).toBe(asked.length);
}
