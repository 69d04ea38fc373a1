import type { SQSRecord } from 'aws-lambda';
import { describe, expect, it } from 'vitest';

import { sentDay, sourceAttributes, sourceOf } from '../../../lib/ingest/source-message.ts';
import { sqsRecord } from '../../helpers/builders.ts';

const source = {
  messageId: '0f0e0d0c-0b0a-4908-8706-050403020100',
  sentTimestamp: String(Date.UTC(2026, 0, 31, 23, 59, 59)),
};

/** The record of a message that was sent with the attributes. */
function received(attributes: Readonly<Record<string, string>>): SQSRecord {
  const messageAttributes = Object.entries(attributes).map(([name, stringValue]) => [
    name,
    { stringValue, dataType: 'String' },
  ]);
  return sqsRecord('{}', { messageAttributes: Object.fromEntries(messageAttributes) });
}

describe('the message a record is', () => {
  it('is the one that SQS took in', () => {
    const record = sqsRecord('{}');
    expect(sourceOf(record)).toEqual({
      messageId: record.messageId,
      sentTimestamp: record.attributes.SentTimestamp,
    });
  });

  it('is still the first one when it was sent again, and again', () => {
    const sentAgain = sourceOf(received(sourceAttributes(source)));
    expect(sentAgain).toEqual(source);
    expect(sourceOf(received(sourceAttributes(sentAgain)))).toEqual(source);
  });
});

describe('the day of a message', () => {
  it.each([
    [Date.UTC(2026, 0, 31, 23, 59, 59, 999), '2026-01-31'],
    [Date.UTC(2026, 1, 1), '2026-02-01'],
    [Date.UTC(2000, 0, 1), '2000-01-01'],
    [Date.UTC(2200, 0, 1) - 1, '2199-12-31'],
  ])('of %i is %s', (sentTimestamp, day) => {
    expect(sentDay({ ...source, sentTimestamp: String(sentTimestamp) })).toBe(day);
  });

  it.each(['', '-1', '1.5', 'today', '0', '946684799999', '7258118400000', '999999999999999'])(
    'of "%s" is none',
    (sentTimestamp) => {
      expect(sentDay({ ...source, sentTimestamp })).toBeNull();
    },
  );
});
