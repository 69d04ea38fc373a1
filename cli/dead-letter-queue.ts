import { type DeadLetterQueue, visitDeadLetters } from '../lib/operations/dead-letters.ts';
import {
  type createSqsClient,
  deleteMessages,
  makeVisible,
  type ReceivedMessage,
  receiveMessages,
} from '../lib/sqs.ts';

export type SqsClient = ReturnType<typeof createSqsClient>;

/** How many requests a command has under way at SQS. */
export const parallelRequests = 20;

// long enough to look at as many messages as are looked at in one go
const hiddenSeconds = 900;

/** The dead-letter queue at this URL. */
export function deadLetterQueue(
  client: SqsClient,
  url: string,
): DeadLetterQueue & { remove: (handles: readonly string[]) => Promise<number[]> } {
  return {
    receive: () => receiveMessages(client, url, hiddenSeconds),
    release: (handles) => makeVisible(client, url, handles),
    remove: (handles) => deleteMessages(client, url, handles),
  };
}

/** The messages in the queue, in no order; they stay there for others. */
export async function peekDeadLetters(client: SqsClient, url: string): Promise<ReceivedMessage[]> {
  const messages: ReceivedMessage[] = [];
  await visitDeadLetters(deadLetterQueue(client, url), async (page) => {
    messages.push(...page);
    return new Set();
  });
  return messages;
}
