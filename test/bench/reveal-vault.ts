import { createSealingKeys } from '../../lib/crypto/data-key.ts';
import { ingest } from '../../lib/ingest/ingest.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { createKmsDouble, type KmsDouble } from '../../scripts/local/kms-double.ts';
import { ingestDeps } from '../helpers/vault.ts';
import { seedBatches, valuesPerMessage } from './workload.ts';

const values = 10_000;

/** A vault whose values are sealed under as many data keys, as that many containers' hours leave it. */
export interface PreparedVault {
  kms: KmsDouble;
  /** In random order. */
  tokens: string[];
  oneOfEachKey: string[];
}

export async function prepareVault(
  database: TestDatabase,
  dataKeys: number,
): Promise<PreparedVault> {
  const kms = createKmsDouble();
  const deps = ingestDeps(database, kms);
  const messages = values / valuesPerMessage;
  for (const batch of seedBatches(messages, Math.min(1_000, messages / dataKeys))) {
    await ingest(batch, {
      ...deps,
      keys: dataKeys === 1 ? deps.keys : createSealingKeys(kms),
    });
  }
  await database.admin.query('vacuum analyze');
  const { rows } = await database.admin.query<{ token: string; key: string }>(
    'select vault.token_text(kind, token) as token, data_key_id as key from vault.pii_vault order by random()',
  );
  const oneOfEachKey = [...new Map(rows.map(({ token, key }) => [key, token])).values()];
  if (rows.length !== values || oneOfEachKey.length !== dataKeys) {
    throw new Error(`the vault holds ${rows.length} values under ${oneOfEachKey.length} data keys`);
  }
  return { kms, tokens: rows.map(({ token }) => token), oneOfEachKey };
}
