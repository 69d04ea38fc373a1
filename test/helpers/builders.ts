import { randomInt, randomUUID } from 'node:crypto';
import type { SQSRecord } from 'aws-lambda';

import { perField, piiFields, type PiiMessageField } from '../../lib/pii-fields.ts';

/**
 * A complete login as producers send it, without what a message may lack; a test changes only what
 * it is about.
 */
export function loginMessage(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    user_id: randomUUID(),
    app_version: '2.3.0',
    device_type: 'android',
    locale: 'RU',
    ...requiredFields(),
    ...changes,
  };
}

/** A value for each personal field, under the names that a message has for them. */
export function personalFields(n = anyNumber()): Record<PiiMessageField, string> {
  return perField(
    ({ messageField }) => messageField,
    ({ example }) => example(n),
  );
}

/** Null for each personal field. */
export const noPersonalFields = perField(
  ({ messageField }) => messageField,
  () => null,
);

function requiredFields(): Record<string, string> {
  return Object.fromEntries(
    piiFields
      .filter(({ isOptional }) => !isOptional)
      .map(({ messageField, example }) => [messageField, example(anyNumber())]),
  );
}

function anyNumber(): number {
  return randomInt(2 ** 47);
}

/** An SQS record as Lambda hands it to a function, around a body of any kind. */
export function sqsRecord(
  body: unknown = loginMessage(),
  changes: Partial<SQSRecord> = {},
): SQSRecord {
  return {
    messageId: randomUUID(),
    receiptHandle: 'receipt',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: String(Date.UTC(2026, 0, 31, 23, 59, 59)),
      SenderId: 'AIDAEXAMPLE',
      ApproximateFirstReceiveTimestamp: String(Date.UTC(2026, 0, 31, 23, 59, 59)),
    },
    messageAttributes: {},
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:eu-central-1:000000000000:login-queue',
    awsRegion: 'eu-central-1',
    ...changes,
  };
}
