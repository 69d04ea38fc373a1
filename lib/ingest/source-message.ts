import type { SQSRecord } from 'aws-lambda';

import type { OutgoingMessage } from '../sqs.ts';

/** What a message is counted by: its id, and when SQS took it in, in milliseconds since 1970. */
export interface SourceMessage {
  messageId: string;
  sentTimestamp: string;
}

const dayMs = 24 * 60 * 60 * 1000;
// twice what SQS keeps a message: once as itself, once as a dead letter
const oldestSourceMs = 28 * dayMs;

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

/** Whether the record is the message itself, rather than a copy that was sent again. */
export function isItself(record: SQSRecord, { messageId }: SourceMessage): boolean {
  return record.messageId.toLowerCase() === messageId;
}

/** The UTC day on which SQS took the message in, `YYYY-MM-DD`; null when the time is none. */
export function sentDay({ sentTimestamp }: Pick<SourceMessage, 'sentTimestamp'>): string | null {
  return /^[0-9]{1,14}$/.test(sentTimestamp) ? dayOf(Number(sentTimestamp)) : null;
}

/** The UTC day on which SQS took in the copy that a record is; null for the message itself. */
export function resentDay(record: SQSRecord, source: SourceMessage): string | null {
  return isItself(record, source)
    ? null
    : sentDay({ sentTimestamp: record.attributes.SentTimestamp });
}

let written = { day: 0, text: '1970-01-01' };

function dayOf(milliseconds: number): string {
  const day = Math.floor(milliseconds / dayMs);
  // the messages of a batch are of one day, mostly, and writing it takes longer than finding that
  if (day !== written.day) {
    written = { day, text: new Date(day * dayMs).toISOString().slice(0, 10) };
  }
  return written.text;
}

/** Whether the id is one that SQS gives: a UUID. */
export function isMessageId(messageId: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(messageId);
}
