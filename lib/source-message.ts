import type { SQSRecord } from 'aws-lambda';

import type { OutgoingMessage } from './sqs.ts';

/** What a message is counted by: its id, and when SQS took it in, in milliseconds since 1970. */
export interface SourceMessage {
  messageId: string;
  sentTimestamp: string;
}

// twice what SQS keeps a message: once as itself, once as a dead letter
const oldestSourceMs = 28 * 24 * 60 * 60 * 1000;

/**
 * Which message a record is. One that was sent again from the dead-letter queue is still the
 * message it was, which its attributes name: it counts once, and under its own day. A time that SQS
 * could not have led to is passed over.
 */
export function sourceOf({ messageId, attributes, messageAttributes }: SQSRecord): SourceMessage {
  const id = messageAttributes['sourceMessageId']?.stringValue ?? messageId;
  const sent = messageAttributes['sourceSentTimestamp']?.stringValue ?? attributes.SentTimestamp;
  const age = Number(attributes.SentTimestamp) - Number(sent);
  return {
    // Postgres knows a UUID in one spelling alone
    messageId: id.toLowerCase(),
    sentTimestamp: age < 0 || age > oldestSourceMs ? attributes.SentTimestamp : sent,
  };
}

/** The attributes by which a message that is sent on stays the message it was. */
export function sourceAttributes(
  source: SourceMessage,
): NonNullable<OutgoingMessage['attributes']> {
  return {
    sourceMessageId: source.messageId,
    // a time that is none is left out: SQS takes no empty attribute
    ...(sentDay(source) === null ? {} : { sourceSentTimestamp: source.sentTimestamp }),
  };
}

/** The UTC day on which SQS took the message in, `YYYY-MM-DD`; null when the time is none. */
export function sentDay({ sentTimestamp }: SourceMessage): string | null {
  if (!/^[0-9]{1,14}$/.test(sentTimestamp)) return null;
  return new Date(Number(sentTimestamp)).toISOString().slice(0, 10);
}

/** Whether the id is one that SQS gives: a UUID. */
export function isMessageId(messageId: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(messageId);
}
