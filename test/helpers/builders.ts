import { randomInt, randomUUID } from 'node:crypto';
import type { SQSRecord } from 'aws-lambda';

/** A complete login as producers send it; a test changes only what it is about. */
export function loginMessage(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    user_id: randomUUID(),
    app_version: '2.3.0',
    device_type: 'android',
    ip: `198.51.${randomInt(256)}.${randomInt(256)}`,
    locale: 'RU',
    device_id: `593-47-${randomUUID()}`,
    ...changes,
  };
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
