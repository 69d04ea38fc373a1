import type { SQSRecord } from 'aws-lambda';

import type { OutgoingMessage } from '../sqs.ts';
import { dayMs } from '../time.ts';

/** What identifies a message: its id, and when SQS received it, in milliseconds since 1970. */
export interface SourceMessage {
  messageId: string;
  sentTimestamp: string;
}

// twice as long as SQS keeps a message: once in the queue, once in the dead-letter queue
const oldestSourceMs = 28 * dayMs;
// the ledger accepts no other days
const firstMs = Date.UTC(2000, 0, 1);
const endMs = Date.UTC(2200, 0, 1);

/**
 * Which message a record is. A message that was sent again from the dead-letter queue is still the
 * message that its attributes name: it counts once, and under its first day. An impossible time is
 * ignored.
 */
export function sourceOf({ messageId, attributes, messageAttributes }: SQSRecord): SourceMessage {
  const id = messageAttributes['sourceMessageId']?.stringValue ?? messageId;
  const sent = messageAttributes['sourceSentTimestamp']?.stringValue ?? attributes.SentTimestamp;
  const age = Number(attributes.SentTimestamp) - Number(sent);
  return {
    // Postgres has only one spelling of a UUID
    messageId: id.toLowerCase(),
    sentTimestamp: age < 0 || age > oldestSourceMs ? attributes.SentTimestamp : sent,
  };
}

/** The attributes that keep a message's identity when it is sent on. */
export function sourceAttributes(
  source: SourceMessage,
): NonNullable<OutgoingMessage['attributes']> {
  return {
    sourceMessageId: source.messageId,
    // an invalid time is left out: SQS accepts no empty attribute
    ...(sentDay(source) === null ? {} : { sourceSentTimestamp: source.sentTimestamp }),
  };
}

/** Whether the record is the message itself, rather than a copy that was sent again. */
export function isItself(record: SQSRecord, { messageId }: SourceMessage): boolean {
  return record.messageId.toLowerCase() === messageId;
}

/** The UTC day on which SQS received the message, `YYYY-MM-DD`; null if the time is not valid, or not in 2000 to 2199. */
export function sentDay({ sentTimestamp }: Pick<SourceMessage, 'sentTimestamp'>): string | null {
  if (!/^[0-9]{1,14}$/.test(sentTimestamp)) return null;
  const milliseconds = Number(sentTimestamp);
  return milliseconds >= firstMs && milliseconds < endMs ? dayOf(milliseconds) : null;
}

/** The UTC day on which SQS received this copy; null for the message itself. */
export function resentDay(record: SQSRecord, source: SourceMessage): string | null {
  return isItself(record, source)
    ? null
    : sentDay({ sentTimestamp: record.attributes.SentTimestamp });
}

let written = { day: 0, text: '1970-01-01' };

function dayOf(milliseconds: number): string {
  const day = Math.floor(milliseconds / dayMs);
  // most messages of a batch are of one day, and formatting it takes longer than this comparison
  if (day !== written.day) {
    written = { day, text: new Date(day * dayMs).toISOString().slice(0, 10) };
  }
  return written.text;
}

/** Whether this is a message id of SQS: a UUID. */
export function isMessageId(messageId: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(messageId);
}
