import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';

import type { IngestDeps } from './deps.ts';
import { isolate, isSuspect } from './isolate.ts';
import { messagesOf } from './message.ts';
import { combined, failure } from './outcome.ts';
import { settle } from './settle.ts';

/**
 * Stores a batch of SQS messages. Those that can never be stored go to the dead-letter queue with
 * the reason. Returns the messages that SQS must deliver again; throws if that is all of them, so
 * that Lambda counts an error. While the database or KMS does not answer, it touches no message and
 * returns all of them: that is counted as `unavailable`, and is not an error of the function.
 */
export async function ingest(
  records: readonly SQSRecord[],
  deps: IngestDeps,
): Promise<SQSBatchResponse> {
  const ids = new Set(records.map(idOf));
  if ((await deps.readiness.fault()) !== null) {
    deps.metrics.publish({ received: records.length, failed: ids.size, unavailable: 1 });
    return failures(ids);
  }
  const messages = messagesOf(records);
  const suspects = messages.filter(isSuspect);
  const others = suspects.length === 0 ? messages : messages.filter((each) => !isSuspect(each));
  let settled = await settle(others, deps);
  if (suspects.length > 0) {
    const goesOn = settled.error === undefined;
    settled = combined(settled, goesOn ? await isolate(suspects, deps) : failure(suspects));
  }
  if (settled.error !== undefined) deps.readiness.doubt();

  const failed = new Set(settled.failed.map(idOf));
  const rejected = settled.rejections.length;
  const counts = {
    received: records.length,
    stored: settled.stored,
    duplicates: records.length - rejected - settled.failed.length - settled.stored,
    rejected,
    sealed: settled.sealed,
    failed: failed.size,
  };
  deps.log.info('batch processed', counts);
  deps.metrics.publish({ ...counts, unavailable: 0 });
  if (settled.error !== undefined && failed.size === ids.size) throw settled.error;
  return failures(failed);
}

const idOf = ({ messageId }: SQSRecord): string => messageId;

function failures(ids: ReadonlySet<string>): SQSBatchResponse {
  return { batchItemFailures: [...ids].map((itemIdentifier) => ({ itemIdentifier })) };
}
