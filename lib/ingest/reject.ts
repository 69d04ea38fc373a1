import type { IngestDeps } from './deps.ts';
import type { Rejection } from './message.ts';
import { sourceAttributes } from './source-message.ts';

/**
 * Sends the rejected messages to the dead-letter queue, with their bodies unchanged. Returns those
 * that the queue did not take.
 */
export async function reject(
  rejections: readonly Rejection[],
  deps: IngestDeps,
): Promise<Rejection[]> {
  if (rejections.length === 0) return [];
  const unsent = await deps.sendToDeadLetters(
    rejections.map(({ message, copy, reason }) => ({
      body: copy.record.body,
      // the id of the message, not what the copy claims, which may be any text
      attributes: { reason, ...sourceAttributes({ ...copy.source, messageId: message.id }) },
    })),
  );
  const waiting = new Set(unsent);
  for (const { copy, reason } of rejections.filter((_, index) => !waiting.has(index))) {
    deps.log.info('message rejected', { messageId: copy.record.messageId, reason });
    deps.metrics.publishRejected(reason, 1);
  }
  return unsent.map((index) => rejections[index]!);
}
