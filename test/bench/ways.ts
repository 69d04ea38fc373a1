import { createHash } from 'node:crypto';
import type { SQSRecord } from 'aws-lambda';
import { Client } from 'pg';

import { createHeldTokens } from '../../lib/ingest/held-tokens.ts';
import { encodeAppVersion } from '../../lib/ingest/app-version.ts';
import { ingest } from '../../lib/ingest/ingest.ts';
import { piiFields } from '../../lib/pii-fields.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { containerDeps } from '../helpers/vault.ts';
import type { Place } from './connect.ts';
import { finishedRows } from './finished-rows.ts';
import { floorWays } from './floor-ways.ts';
import { sharedKms } from './keys.ts';

/** Makes a batch ready; what it returns is what is measured. */
export type Way = (records: SQSRecord[]) => Promise<() => Promise<void>>;

export type WayName = 'ingest' | 'networks' | 'script' | keyof typeof floorWays;

/** All ways to store a batch, each as one container would, and what closes their connections. */
export async function openWays(
  place: Place,
  database: TestDatabase,
): Promise<{ ways: Record<WayName, Way>; close: () => Promise<void> }> {
  const client = new Client({
    host: '127.0.0.1',
    port: place.port,
    database: place.database,
    user: 'vault_ingest',
    password: place.password,
  });
  client.on('error', () => undefined);
  await client.connect();
  const deps = containerDeps(database.as('vault_ingest'), sharedKms(), Date.now);
  // as containers that have run for a while
  const remembered = createHeldTokens();
  const tokenizer = await deps.tokenizer();
  for (const field of piiFields) {
    for (let n = 0; n < place.held; n += 1) {
      const token = tokenizer.token(field.kind, field.example(n));
      for (const memory of [deps.held, remembered]) memory.add([token]);
    }
  }

  const store = (writesNetworks: boolean): Way => {
    return async (records) => async () => {
      const { batchItemFailures } = await ingest(records, { ...deps, writesNetworks });
      if (batchItemFailures.length > 0 || deps.deadLetters.length > 0) {
        throw new Error('ingest did not store the whole batch');
      }
    };
  };

  const floor = Object.fromEntries(
    Object.entries(floorWays).map(([name, write]): [string, Way] => [
      name,
      async (records) => {
        const rows = await finishedRows(records, deps);
        const { has, add } = remembered;
        return async () => {
          await write(client, rows, has);
          add(rows.values.map(({ token }) => token));
        };
      },
    ]),
  ) as Record<keyof typeof floorWays, Way>;

  return {
    ways: {
      ...floor,
      ingest: store(false),
      networks: store(true),
      script: async (records) => async () => {
        for (const record of records) await storeByScript(client, record);
      },
    },
    close: () => client.end(),
  };
}

/** The loop that people write for this job. */
async function storeByScript(client: Client, record: SQSRecord): Promise<void> {
  const login = JSON.parse(record.body) as Record<string, string>;
  await client.query(
    `insert into public.user_logins
      (user_id, device_type, locale, app_version, create_date, ${piiFields.map(({ column }) => column).join()})
    values ($1, $2, $3, $4, $5, ${piiFields.map((_, index) => `$${6 + index}`).join()})`,
    [
      login['user_id'],
      login['device_type'],
      login['locale'],
      encodeAppVersion(login['app_version'] ?? ''),
      new Date(Number(record.attributes.SentTimestamp)).toISOString().slice(0, 10),
      ...piiFields.map(({ messageField }) => sha256(login[messageField])),
    ],
  );
}

function sha256(value: string | undefined): string {
  return createHash('sha256')
    .update(value ?? '')
    .digest('hex');
}
