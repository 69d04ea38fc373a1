import type { Log } from '../../lib/log.ts';
import type { Metrics } from '../../lib/metrics.ts';
import { createRevealStore } from '../../db/reveal-store.ts';
import { createBatchWriter } from '../../db/write-batch.ts';
import { createOpeningKeys, createSealingKeys } from '../../lib/crypto/data-key.ts';
import type { IngestParts } from '../../lib/ingest/ingest.ts';
import type { RevealParts } from '../../lib/requests/reveal.ts';
import type { OutgoingMessage } from '../../lib/sqs.ts';
import { createTokenizerSource } from '../../lib/crypto/token.ts';
import type { TestDatabase } from './database.ts';
import type { KmsDouble } from './kms-double.ts';

export const silentLog: Log = { info: () => undefined, error: () => undefined };
export const silentMetrics: Metrics = {
  publish: () => undefined,
  publishRejected: () => undefined,
};

/** The parts of `ingest` as its function wires them, against a test's database and KMS. */
export function ingestParts(
  database: TestDatabase,
  kms: KmsDouble,
): IngestParts & { deadLetters: OutgoingMessage[] } {
  const pool = database.as('vault_ingest');
  const deadLetters: OutgoingMessage[] = [];
  return {
    tokenizer: createTokenizerSource(kms),
    keys: createSealingKeys(kms),
    write: createBatchWriter(pool),
    sendToDeadLetters: async (messages) => {
      deadLetters.push(...messages);
      return [];
    },
    log: silentLog,
    metrics: silentMetrics,
    deadLetters,
  };
}

/** The parts of `reveal` as its function wires them, against a test's database and KMS. */
export function revealParts(database: TestDatabase, kms: KmsDouble): RevealParts {
  const pool = database.as('vault_reveal');
  return {
    ...createRevealStore(pool),
    keys: createOpeningKeys(kms),
    quota: 1_000_000,
    log: silentLog,
    metrics: silentMetrics,
  };
}
