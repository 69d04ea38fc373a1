import type { Log } from '../../lib/log.ts';
import type { Metrics } from '../../lib/metrics.ts';
import {
  claimReveal,
  eraseValues,
  liftSuppressions,
  reportFault,
  takeRevealed,
} from '../../db/audited-requests.ts';
import { askDatabase } from '../../db/ask-database.ts';
import { createAttempts } from '../../db/attempts.ts';
import { createBatchWriter } from '../../db/write-batch.ts';
import { createOpeningKeys, createSealingKeys } from '../../lib/crypto/data-key.ts';
import type { SealingKeyService } from '../../lib/crypto/kms.ts';
import type { IngestDeps } from '../../lib/ingest/deps.ts';
import { createHeldTokens } from '../../lib/ingest/held-tokens.ts';
import { createReadiness } from '../../lib/ingest/readiness.ts';
import type { EraseDeps } from '../../lib/requests/erase.ts';
import type { LiftDeps } from '../../lib/requests/lift.ts';
import type { RevealDeps } from '../../lib/requests/reveal.ts';
import { hourMs } from '../../lib/time.ts';
import type { OutgoingMessage } from '../../lib/sqs.ts';
import { createTokenizerSource } from '../../lib/crypto/token.ts';
import type { Pool } from 'pg';

import type { TestDatabase } from './database.ts';
import type { KmsDouble } from '../../scripts/local/kms-double.ts';

export const silentLog: Log = { info: () => undefined, error: () => undefined };
export const silentMetrics: Metrics = {
  publish: () => undefined,
  publishRejected: () => undefined,
};

/** The deps of `ingest` as its function wires them, against a test's database and KMS. */
export function ingestDeps(
  database: TestDatabase,
  kms: KmsDouble,
): IngestDeps & { deadLetters: OutgoingMessage[] } {
  return containerDeps(database.as('vault_ingest'), kms);
}

/**
 * The same on a pool, with any KMS and a clock in milliseconds. Without a clock, an hour passes between
 * two batches, so that each of them asks whether the database and KMS answer.
 */
export function containerDeps(
  pool: Pool,
  kms: SealingKeyService,
  now?: () => number,
): IngestDeps & { deadLetters: OutgoingMessage[] } {
  const deadLetters: OutgoingMessage[] = [];
  const tokenizer = createTokenizerSource(kms);
  const keys = createSealingKeys(kms, now);
  let hours = 0;
  const deps: ReturnType<typeof containerDeps> = {
    readiness: createReadiness(
      [() => askDatabase(pool), tokenizer, () => keys.take(0)],
      // a test may set another log
      {
        info: (...line) => deps.log.info(...line),
        error: (...line) => deps.log.error(...line),
      },
      now ?? (() => (hours += 1) * hourMs),
    ),
    attempts: createAttempts(pool),
    tokenizer,
    keys,
    held: createHeldTokens(),
    writesNetworks: false,
    write: createBatchWriter(pool),
    sendToDeadLetters: async (messages) => {
      deadLetters.push(...messages);
      return [];
    },
    log: silentLog,
    metrics: silentMetrics,
    deadLetters,
  };
  return deps;
}

/** The deps of `reveal` as its function wires them, against a test's database and KMS. */
export function revealDeps(
  database: TestDatabase,
  kms: KmsDouble,
  role: 'vault_reveal' | 'vault_reveal_url' | 'vault_break_glass' = 'vault_reveal',
): RevealDeps {
  return {
    ...revealStore(database.as(role)),
    keys: createOpeningKeys(kms),
    log: silentLog,
    metrics: silentMetrics,
  };
}

/** The deps of `erase` as its function wires them, and of lifting suppressions, against a test's database. */
export function eraseDeps(database: TestDatabase): EraseDeps & LiftDeps {
  const pool = database.as('vault_erase');
  return {
    erase: (...request) => eraseValues(pool, ...request),
    lift: (...request) => liftSuppressions(pool, ...request),
    log: silentLog,
    metrics: silentMetrics,
  };
}

/** The database's part of `reveal`. */
export function revealStore(pool: Pool): Pick<RevealDeps, 'claim' | 'take' | 'reportFault'> {
  return {
    claim: (context, tokens, approval) => claimReveal(pool, context, tokens, approval),
    take: (requestId) => takeRevealed(pool, requestId),
    reportFault: (requestId, outcomes) => reportFault(pool, requestId, outcomes),
  };
}

/** Sets the limits of a role an hour. */
export async function setLimits(
  database: TestDatabase,
  role: string,
  perCaller: number,
  overall = 10_000_000,
): Promise<void> {
  await database.admin.query(
    'update vault.limits set per_caller = $2, overall = $3 where role = $1',
    [role, perCaller, overall],
  );
}
