import { type DeadLetterQueue, walkLetters } from '../lib/operations/dead-letters.ts';
import { deleteMessages, type ReceivedMessage, receiveMessages, showAgain } from '../lib/sqs.ts';
import type { SqsClient } from '../scripts/local/queues.ts';

// long enough to look at as many letters as are looked at in one go
const hiddenSeconds = 900;

/** The dead-letter queue at this URL. */
export function letterQueue(
  client: SqsClient,
  url: string,
): DeadLetterQueue & { remove: (handles: readonly string[]) => Promise<number[]> } {
  return {
    receive: () => receiveMessages(client, url, hiddenSeconds),
    showAgain: (handles) => showAgain(client, url, handles),
    remove: (handles) => deleteMessages(client, url, handles),
  };
}

/** The letters in the queue, in no order; they stay there for others. */
export async function peekLetters(client: SqsClient, url: string): Promise<ReceivedMessage[]> {
  const letters: ReceivedMessage[] = [];
  await walkLetters(letterQueue(client, url), async (page) => {
    letters.push(...page);
    return new Set();
  });
  return letters;
}
