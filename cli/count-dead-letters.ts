import { sentDay } from '../lib/ingest/source-message.ts';
import { reasonOf, sourceOfDeadLetter, visitDeadLetters } from '../lib/operations/dead-letters.ts';
import { queueDepth } from '../lib/sqs.ts';
import { fromAws } from './aws.ts';
import { deadLetterQueue, parallelRequests, type SqsClient } from './dead-letter-queue.ts';
import { showProgress } from './progress.ts';
import { Cancelled } from './user-error.ts';

/** How many dead-letter messages there are. */
export interface DeadLetterCounts {
  /** By the UTC day on which SQS took the message in first. */
  days: Map<string, number>;
  reasons: Map<string, number>;
  complete: boolean;
}

/**
 * Counts the messages in the dead-letter queue, which stay there. Throws `UserError`, and `Cancelled`
 * when the signal is aborted meanwhile.
 */
export async function countDeadLetters(
  sqs: SqsClient,
  url: string,
  signal: AbortSignal,
): Promise<DeadLetterCounts> {
  const days = new Map<string, number>();
  const reasons = new Map<string, number>();
  const depth = await fromAws('The dead-letter queue', queueDepth(sqs, url));
  const progress = showProgress('Counting dead-letter messages', depth);
  let seen = 0;
  const visited = visitDeadLetters(
    deadLetterQueue(sqs, url),
    async (page) => {
      for (const message of page) {
        const day = sentDay(sourceOfDeadLetter(message));
        const reason = reasonOf(message);
        if (day !== null) days.set(day, (days.get(day) ?? 0) + 1);
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      }
      progress.update((seen += page.length));
      return new Set();
    },
    { receivers: parallelRequests, isCancelled: () => signal.aborted },
  );
  const { complete } = await fromAws('The dead-letter queue', visited).finally(progress.end);
  if (signal.aborted) throw new Cancelled();
  return { days, reasons, complete };
}
