import type { SQSRecord } from 'aws-lambda';

/** What a stage sets for its queue, and SQS for every queue. Times are in seconds. */
export interface QueueSettings {
  visibilityTimeout: number;
  maxReceiveCount: number;
  retention: number;
  maxInFlight: number;
}

interface Queued {
  record: SQSRecord;
  sentAt: number;
  receives: number;
  isDeleted: boolean;
}

/** A standard queue of SQS, on a clock of its own. */
export interface TimedQueue {
  send: (record: SQSRecord) => void;
  /**
   * Up to `max` messages, hidden for the visibility timeout: those first that were received before, so
   * that receive counts become as high as they can.
   */
  receive: (max: number) => SQSRecord[];
  /** Deletes a message that was received. */
  delete: (messageId: string) => void;
  waiting: () => number;
  /** What the queue moved to the dead-letter queue by itself, or gave up after its retention. */
  lost: readonly string[];
  /** The highest receive count so far. */
  maxReceives: () => number;
}

/** Makes the queue; `now` is in seconds. */
export function createTimedQueue(settings: QueueSettings, now: () => number): TimedQueue {
  const messages = new Map<string, Queued>();
  const fresh: Queued[] = [];
  const again: Queued[] = [];
  // all are hidden for the same time, so they return in this order
  const hidden: { message: Queued; until: number }[] = [];
  const lost: string[] = [];
  const taken = { fresh: 0, again: 0, hidden: 0 };
  let inFlight = 0;
  let maxReceives = 0;

  const giveUp = ({ record: { messageId } }: Queued) => {
    lost.push(messageId);
    messages.delete(messageId);
  };
  const reappear = () => {
    for (; taken.hidden < hidden.length; taken.hidden += 1) {
      const { message, until } = hidden[taken.hidden]!;
      if (until > now()) return;
      if (message.isDeleted) continue;
      inFlight -= 1;
      again.push(message);
    }
  };
  const next = () =>
    taken.again < again.length ? again[taken.again++] : fresh[taken.fresh] && fresh[taken.fresh++];

  return {
    send: (record) => {
      const message = { record, sentAt: now(), receives: 0, isDeleted: false };
      messages.set(record.messageId, message);
      fresh.push(message);
    },
    receive: (max) => {
      reappear();
      const records: SQSRecord[] = [];
      while (records.length < max && inFlight < settings.maxInFlight) {
        const message = next();
        if (message === undefined) break;
        const isOld = now() - message.sentAt > settings.retention;
        if (isOld || message.receives === settings.maxReceiveCount) {
          giveUp(message);
          continue;
        }
        message.receives += 1;
        maxReceives = Math.max(maxReceives, message.receives);
        inFlight += 1;
        hidden.push({ message, until: now() + settings.visibilityTimeout });
        const ApproximateReceiveCount = String(message.receives);
        records.push({
          ...message.record,
          attributes: { ...message.record.attributes, ApproximateReceiveCount },
        });
      }
      return records;
    },
    delete: (messageId) => {
      const message = messages.get(messageId);
      if (message === undefined || message.isDeleted) return;
      message.isDeleted = true;
      messages.delete(messageId);
      inFlight -= 1;
    },
    waiting: () => messages.size,
    lost,
    maxReceives: () => maxReceives,
  };
}
