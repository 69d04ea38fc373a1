import { isMessageId, sentDay, type SourceMessage } from '../ingest/source-message.ts';
import type { ReceivedMessage } from '../sqs.ts';

/** The dead-letter queue as its readers need it. */
export interface DeadLetterQueue {
  /** Some letters, hidden from others for a while; none when all are hidden or gone. */
  receive: () => Promise<ReceivedMessage[]>;
  /** Lets others see letters again. */
  showAgain: (handles: readonly string[]) => Promise<void>;
}

/** How a walk over the letters ended. */
export interface Walk {
  /** Every letter was seen once. False: broken off, or as many were seen as it can hold. */
  complete: boolean;
}

const mostHeld = 50_000;
const known = /^[a-z_]{1,40}(:[a-z_]{1,40})?$/;

/**
 * Shows each letter to `visit` once, a page in memory at a time. Letters that `visit` does not
 * return the ids of stay hidden until the walk ends, and are shown again then, however it ends.
 */
export async function walkLetters(
  queue: DeadLetterQueue,
  visit: (page: readonly ReceivedMessage[]) => Promise<ReadonlySet<string>>,
  isBrokenOff: () => boolean = () => false,
): Promise<Walk> {
  const held = new Map<string, string>();
  try {
    while (held.size < mostHeld && !isBrokenOff()) {
      const page = await queue.receive();
      // a letter whose time was up comes again
      const fresh = page.filter(({ messageId }) => !held.has(messageId));
      for (const { messageId, receiptHandle } of page) held.set(messageId, receiptHandle);
      if (fresh.length === 0) return { complete: true };
      for (const messageId of await visit(fresh)) held.delete(messageId);
    }
    return { complete: false };
  } finally {
    await queue.showAgain([...held.values()]);
  }
}

/**
 * Why a letter lies there: the code that ingest gave it, or `failed_too_often` where SQS moved it
 * after too many tries. A producer's own attribute of that name is not repeated.
 */
export function reasonOf({ attributes }: ReceivedMessage): string {
  const reason = attributes['reason'];
  if (reason === undefined) return 'failed_too_often';
  return known.test(reason) ? reason : 'other';
}

/** Which message a letter is: the one it names, or itself where SQS moved it. */
export function sourceOfLetter({ messageId, attributes, sentAt }: ReceivedMessage): SourceMessage {
  const own = { messageId, sentTimestamp: String(sentAt.getTime()) };
  // a producer may have set the attributes to anything: what ingest would refuse is not repeated
  const named = attributes['sourceMessageId'] ?? '';
  const at = { messageId: named, sentTimestamp: attributes['sourceSentTimestamp'] ?? '' };
  return {
    messageId: isMessageId(named) ? named : own.messageId,
    sentTimestamp: sentDay(at) === null ? own.sentTimestamp : at.sentTimestamp,
  };
}
