import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';

import type { IngestDeps } from './deps.ts';
import { messagesOf } from './message.ts';
import { reject } from './reject.ts';
import { store } from './store.ts';

/**
 * Stores a batch of SQS messages. Those that can never be stored go to the dead-letter queue with
 * the reason. Returns the messages that SQS must deliver again; throws if that is all of them, so
 * that Lambda counts an error.
 */
export async function ingest(
  records: readonly SQSRecord[],
  deps: IngestDeps,
): Promise<SQSBatchResponse> {
  const { rejections, error, ...outcome } = await store(messagesOf(records), deps);
  const unsent = await reject(rejections, deps);

  const toRepeat = outcome.failed.flatMap(({ copies }) => copies.map(({ record }) => record));
  const failed = new Set([...toRepeat, ...unsent.map(({ copy }) => copy.record)].map(idOf));
  const counts = {
    received: records.length,
    stored: outcome.stored,
    duplicates: records.length - rejections.length - toRepeat.length - outcome.stored,
    rejected: rejections.length - unsent.length,
    sealed: outcome.sealed,
    failed: failed.size,
  };
  deps.log.info('batch processed', counts);
  deps.metrics.publish(counts);
  const isAll = failed.size === new Set(records.map(idOf)).size;
  if (error !== undefined && isAll) throw error;
  return { batchItemFailures: [...failed].map((itemIdentifier) => ({ itemIdentifier })) };
}

const idOf = ({ messageId }: SQSRecord): string => messageId;
