import type { SQSEvent, SQSBatchResponse } from 'aws-lambda';

import { askDatabase } from '../db/ask-database.ts';
import { createAttempts } from '../db/attempts.ts';
import { createPool } from '../db/pool.ts';
import { createBatchWriter } from '../db/write-batch.ts';
import {
  databaseConfig,
  deadLetterQueueUrl,
  firstGeneration,
  keyScopeConfig,
  metricsConfig,
  sealingKeyConfig,
  writesNetworks,
} from '../lib/config.ts';
import { createSealingKeys } from '../lib/crypto/data-key.ts';
import type { IngestDeps } from '../lib/ingest/deps.ts';
import { createHeldTokens } from '../lib/ingest/held-tokens.ts';
import { ingest } from '../lib/ingest/ingest.ts';
import { createKmsClient, createSealingKeyService } from '../lib/crypto/kms.ts';
import { createReadiness } from '../lib/ingest/readiness.ts';
import { createLog } from '../lib/log.ts';
import { createMetrics } from '../lib/metrics.ts';
import { requestTimeouts } from '../lib/request-timeouts.ts';
import type { OutgoingMessage } from '../lib/sqs.ts';
import { createTokenizerSource } from '../lib/crypto/token.ts';

const keyArns = sealingKeyConfig();
const kms = createSealingKeyService(createKmsClient(), keyScopeConfig(), keyArns);
const deadLetters = deadLetterQueueUrl();

const pool = createPool(databaseConfig());
const tokenizer = createTokenizerSource(kms, firstGeneration(keyArns.tokenKeyArns));
const keys = createSealingKeys(kms);
const log = createLog();

// a container without a rejected message need not load SQS's client
let sqs: Promise<(messages: OutgoingMessage[]) => Promise<number[]>> | null = null;

async function createSending(): Promise<(messages: OutgoingMessage[]) => Promise<number[]>> {
  const { createSqsClient, sendMessages } = await import('../lib/sqs.ts');
  const client = createSqsClient({ requestHandler: requestTimeouts });
  return (messages) => sendMessages(client, deadLetters, messages);
}

const deps: IngestDeps = {
  readiness: createReadiness([() => askDatabase(pool), tokenizer, () => keys.take(0)], log),
  attempts: createAttempts(pool),
  tokenizer,
  keys,
  held: createHeldTokens(),
  writesNetworks: writesNetworks(),
  write: createBatchWriter(pool, keyArns.tokenKeyArns),
  sendToDeadLetters: async (messages) => (await (sqs ??= createSending()))(messages),
  log,
  metrics: createMetrics(metricsConfig()),
};

/** Stores a batch of login messages; returns those that SQS must deliver again. */
export const handler = (event: SQSEvent): Promise<SQSBatchResponse> => ingest(event.Records, deps);
