import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createSqsClient, type OutgoingMessage, sendMessages } from '../../lib/sqs.ts';
import { type AwsDouble, startAwsDouble } from '../helpers/aws-double.ts';

interface Entry {
  Id: string;
  MessageBody: string;
  MessageAttributes?: Record<string, { DataType: string; StringValue: string }>;
}

const limit = 256 * 1024;

function outgoingMessage(changes: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return {
    body: '{"user_id":"u1"}',
    attributes: { reason: 'invalid_json', sourceMessageId: 'm1' },
    ...changes,
  };
}

let aws: AwsDouble;
/** Ids that SQS refuses. */
let refused: Set<string>;
beforeEach(async () => {
  refused = new Set();
  aws = await startAwsDouble();
  aws.answer = ({ parameters }) => {
    const entries = parameters.Entries as Entry[];
    const taken = entries.filter(({ Id }) => !refused.has(Id));
    const left = entries.filter(({ Id }) => refused.has(Id));
    return {
      status: 200,
      body: {
        Successful: taken.map(({ Id, MessageBody }) => ({
          Id,
          MessageId: `sent-${Id}`,
          MD5OfMessageBody: createHash('md5').update(MessageBody).digest('hex'),
        })),
        Failed: left.map(({ Id }) => ({ Id, SenderFault: true, Code: 'InvalidMessageContents' })),
      },
    };
  };
});
afterEach(() => aws.close());

const queueUrl = () => `${aws.url}/000000000000/dead-letters`;
const send = (messages: OutgoingMessage[]) => sendMessages(createSqsClient(), queueUrl(), messages);
/** The sizes of the requests' groups, in the order sent. */
const groups = () => aws.requests.map(({ parameters }) => (parameters.Entries as Entry[]).length);
const entries = () => aws.requests.flatMap(({ parameters }) => parameters.Entries as Entry[]);

describe('sendMessages', () => {
  it('sends body and attributes as they are', async () => {
    const body = ' {"a":"\\u0000é😀"}\n';
    expect(await send([outgoingMessage({ body })])).toEqual([]);
    expect(aws.requests).toEqual([
      {
        action: 'AmazonSQS.SendMessageBatch',
        parameters: {
          QueueUrl: queueUrl(),
          Entries: [
            {
              Id: '0',
              MessageBody: body,
              MessageAttributes: {
                reason: { DataType: 'String', StringValue: 'invalid_json' },
                sourceMessageId: { DataType: 'String', StringValue: 'm1' },
              },
            },
          ],
        },
      },
    ]);
  });

  it('sends a message that has no attributes', async () => {
    expect(await send([{ body: 'x' }])).toEqual([]);
    expect(entries()).toEqual([{ Id: '0', MessageBody: 'x', MessageAttributes: {} }]);
  });

  it('asks nothing of SQS when there is nothing to send', async () => {
    expect(await send([])).toEqual([]);
    expect(aws.requests).toEqual([]);
  });

  it('puts ten messages into a request', async () => {
    const messages = Array.from({ length: 25 }, (_, index) =>
      outgoingMessage({ body: `${index}` }),
    );
    expect(await send(messages)).toEqual([]);
    expect(groups()).toEqual([10, 10, 5]);
    expect(entries().map(({ MessageBody }) => MessageBody)).toEqual(
      messages.map(({ body }) => body),
    );
  });

  it('fills a request to 256 KiB and no further, attributes included', async () => {
    const attributes = { a: 'b' };
    // name, type and value count: 'a', 'String', 'b'
    const half = 'x'.repeat(limit / 2 - 8);
    await send([
      { body: half, attributes },
      { body: half, attributes },
    ]);
    expect(groups()).toEqual([2]);
    await send([
      { body: half, attributes },
      { body: `${half}x`, attributes },
    ]);
    expect(groups()).toEqual([2, 1, 1]);
  });

  it('counts bytes, not characters', async () => {
    const body = 'é'.repeat(limit / 4);
    await send([{ body }, { body }, { body: 'x' }]);
    expect(groups()).toEqual([2, 1]);
  });

  it('sends a message over the limit alone', async () => {
    const small = outgoingMessage();
    const messages = [small, outgoingMessage({ body: 'x'.repeat(limit + 1) }), small, small];
    expect(await send(messages)).toEqual([]);
    expect(groups()).toEqual([1, 1, 2]);
  });

  it('names those that SQS refused, by their place in the whole', async () => {
    refused = new Set(['3', '11']);
    const messages = Array.from({ length: 12 }, () => outgoingMessage());
    expect(await send(messages)).toEqual([3, 11]);
  });

  it('names a whole request that failed, and sends the others', async () => {
    const answer = aws.answer;
    aws.answer = (request) =>
      (request.parameters.Entries as Entry[])[0]?.Id === '10'
        ? { status: 400, body: { __type: 'com.amazonaws.sqs#QueueDoesNotExist', message: 'x' } }
        : answer(request);
    const messages = Array.from({ length: 25 }, () => outgoingMessage());
    expect(await send(messages)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
    expect(groups()).toEqual([10, 10, 5]);
  });

  it('names all when SQS hangs up', async () => {
    aws.answer = () => null;
    expect(await send([outgoingMessage(), outgoingMessage()])).toEqual([0, 1]);
  });

  it('takes a message SQS does not mention for refused', async () => {
    aws.answer = () => ({ status: 200, body: {} });
    expect(await send([outgoingMessage()])).toEqual([0]);
  });
});
