import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { eraseValues } from '../../../db/audited-requests.ts';
import { ingest } from '../../../lib/ingest/ingest.ts';
import { reveal, type RevealDeps, type RevealResponse } from '../../../lib/requests/reveal.ts';
import { auditContext, someToken } from '../../helpers/audit.ts';
import { loginMessage, sqsRecord } from '../../helpers/builders.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { createKmsDouble } from '../../../scripts/local/kms-double.ts';
import { ingestDeps, revealDeps, setLimits } from '../../helpers/vault.ts';

const caller = { id: 'grace', source: 'claimed' } as const;
const officer = { id: 'arn:aws:iam::123456789012:user/officer', source: 'iam' } as const;
const reason = 'fraud case 4711';

let database: TestDatabase;
let revealing: RevealDeps;
let held: string;
let erased: string;
const unknown = someToken(1);

beforeAll(async () => {
  database = await createTestDatabase();
  const kms = createKmsDouble();
  const ingesting = ingestDeps(database, kms);
  revealing = revealDeps(database, kms);
  const devices = [randomUUID(), randomUUID()];
  const records = devices.map((device) => sqsRecord(loginMessage({ device_id: device, ip: null })));
  await ingest(records, ingesting);
  const tokenizer = await ingesting.tokenizer();
  [held, erased] = devices.map((device) => tokenizer.token('device_id', device)) as [
    string,
    string,
  ];
  await eraseValues(database.as('vault_erase'), auditContext({ principal: officer }), [erased]);
});
afterAll(() => database.drop());

function ask(token: string): Promise<RevealResponse> {
  return reveal({ tokens: [token], reason }, caller, randomUUID(), revealing);
}

it('answers for unknown and erased tokens alike, but for the documented field', async () => {
  const [forUnknown, forErased] = [await ask(unknown), await ask(erased)];
  const same = { requestId: '', missing: [{ token: '', why: '' }] };
  expect({ ...forUnknown, ...same }).toEqual({ ...forErased, ...same });
  expect(forUnknown.missing).toEqual([{ token: unknown, why: 'unknown' }]);
  expect(forErased.missing).toEqual([{ token: erased, why: 'erased' }]);
});

it('denies alike, whether the vault holds the token, erased it or never knew it', async () => {
  await ask(held);
  await setLimits(database, 'vault_reveal', 1);
  const denials = await Promise.all(
    [held, erased, unknown].map((token) =>
      ask(token).then(
        () => 'answered',
        (error: Error) => `${error.name}: ${error.message}`,
      ),
    ),
  );
  expect(denials[0]).toMatch(/^QuotaExceeded: 0 of your 1 tokens an hour are left/);
  expect(new Set(denials).size).toBe(1);
  await setLimits(database, 'vault_reveal', 1_000_000);
});

// reported, not asserted: a machine's noise is no promise broken
it('reports how long a known and an unknown token take', async () => {
  const times = { known: [] as number[], unknown: [] as number[] };
  for (let round = 0; round < 100; round += 1) {
    for (const [name, token] of [
      ['known', held],
      ['unknown', unknown],
    ] as const) {
      const start = performance.now();
      await ask(token);
      times[name].push(performance.now() - start);
    }
  }
  const [known, notKnown] = [median(times.known), median(times.unknown)];
  console.log(
    `reveal, median of 100: known token ${known.toFixed(2)} ms, unknown ${notKnown.toFixed(2)} ms`,
  );
  expect(times.known).toHaveLength(times.unknown.length);
});

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
