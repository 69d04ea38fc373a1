import { isMessageId, sentDay, type SourceMessage } from '../ingest/source-message.ts';
import type { ReceivedMessage } from '../sqs.ts';

/** The dead-letter queue, as far as reading it goes. */
export interface DeadLetterQueue {
  /** Some messages, hidden from others for a while; none when all are hidden or gone. */
  receive: () => Promise<ReceivedMessage[]>;
  /** Makes received messages visible to others again. */
  release: (handles: readonly string[]) => Promise<void>;
}

export interface VisitOptions {
  /** How many receive at the same time. */
  receivers?: number;
  /** Asked between pages: whether to stop here. */
  isCancelled?: () => boolean;
}

const maxHeld = 50_000;
const knownReason = /^[a-z_]{1,40}(:[a-z_]{1,40})?$/;

/**
 * Calls `visit` with every dead-letter message once, a page at a time. Messages stay hidden from
 * others until the end, and are made visible again then, however it ends; except those whose ids
 * `visit` returns, which are gone. `complete` is false when it was cancelled, or when there are
 * more messages than can be hidden at once.
 */
export async function visitDeadLetters(
  queue: DeadLetterQueue,
  visit: (page: readonly ReceivedMessage[]) => Promise<ReadonlySet<string>>,
  { receivers = 1, isCancelled = () => false }: VisitOptions = {},
): Promise<{ complete: boolean }> {
  const held = new Map<string, string>();
  const failures: unknown[] = [];

  /** Returns whether the queue had no more messages for it. */
  const receiveAll = async (): Promise<boolean> => {
    while (held.size < maxHeld && failures.length === 0 && !isCancelled()) {
      const page = await queue.receive();
      // a message that was hidden for too long comes again
      const fresh = page.filter(({ messageId }) => !held.has(messageId));
      for (const { messageId, receiptHandle } of page) held.set(messageId, receiptHandle);
      if (fresh.length === 0) return true;
      for (const messageId of await visit(fresh)) held.delete(messageId);
    }
    return false;
  };
  const receiver = async (): Promise<boolean> => {
    try {
      return await receiveAll();
    } catch (error) {
      failures.push(error);
      return false;
    }
  };

  // all of them have stopped before anything is made visible again
  const ended = await Promise.all(Array.from({ length: receivers }, receiver));
  await queue.release([...held.values()]);
  if (failures.length > 0) throw failures[0];
  return { complete: ended.every(Boolean) };
}

/**
 * Why a message is in the dead-letter queue: the code that ingest gave it, or `failed_too_often`
 * if SQS moved it after too many deliveries. Any other text is `other`: it could be personal.
 */
export function reasonOf({ attributes }: ReceivedMessage): string {
  const reason = attributes['reason'];
  if (reason === undefined) return 'failed_too_often';
  return knownReason.test(reason) ? reason : 'other';
}

/** The first identity of a dead-letter message: the one it names, or its own if SQS moved it. */
export function sourceOfDeadLetter({
  messageId,
  attributes,
  sentAt,
}: ReceivedMessage): SourceMessage {
  const own = { messageId, sentTimestamp: String(sentAt.getTime()) };
  // a producer may have set the attributes to anything: what ingest would refuse is not repeated
  const named = attributes['sourceMessageId'] ?? '';
  const at = { messageId: named, sentTimestamp: attributes['sourceSentTimestamp'] ?? '' };
  return {
    messageId: isMessageId(named) ? named : own.messageId,
    sentTimestamp: sentDay(at) === null ? own.sentTimestamp : at.sentTimestamp,
  };
}
