import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type Message,
  type MessageAttributeValue,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
  type SQSClientConfig,
} from '@aws-sdk/client-sqs';

/** A message to send: its body as it is, and string attributes. */
export interface OutgoingMessage {
  body: string;
  attributes?: Readonly<Record<string, string>>;
}

/** A message in a queue. */
export interface QueuedMessage {
  messageId: string;
  body: string;
  sentAt: Date;
  /** Only string attributes. */
  attributes: Readonly<Record<string, string>>;
}

/** A received message: hidden from others until it is made visible again or its time is over. */
export interface ReceivedMessage extends QueuedMessage {
  receiptHandle: string;
}

const maxEntries = 10;
// SQS's limit for a request in every region; newer regions take more
const maxBytes = 256 * 1024;

/** A client for this region; `AWS_ENDPOINT_URL` is the SDK's own setting and is honoured. */
export function createSqsClient(config: SQSClientConfig = {}): SQSClient {
  // an emulator's queue URLs may name a host that only its own DNS knows
  return new SQSClient({ maxAttempts: 3, useQueueUrlAsEndpoint: false, ...config });
}

/**
 * Sends the messages in as few requests as SQS's limits allow. Returns the indexes of the messages
 * that SQS did not accept, because it refused the message or because the whole request failed;
 * `onError` receives the error of a failed request.
 */
export async function sendMessages(
  client: SQSClient,
  queueUrl: string,
  messages: readonly OutgoingMessage[],
  onError: (error: unknown) => void = () => undefined,
): Promise<number[]> {
  const failed: number[] = [];
  for (const indexes of requests(messages)) {
    try {
      const { Successful = [] } = await client.send(
        new SendMessageBatchCommand({
          QueueUrl: queueUrl,
          Entries: indexes.map((index) => ({
            Id: String(index),
            MessageBody: messages[index]!.body,
            MessageAttributes: stringAttributes(messages[index]!.attributes),
          })),
        }),
      );
      const taken = new Set(Successful.map(({ Id }) => Number(Id)));
      failed.push(...indexes.filter((index) => !taken.has(index)));
    } catch (error) {
      failed.push(...indexes);
      onError(error);
    }
  }
  return failed;
}

/** The URL of the queue with this name. Throws if there is none. */
export async function findQueueUrl(client: SQSClient, name: string): Promise<string> {
  const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: name }));
  return QueueUrl!;
}

/** About how many messages the queue holds: waiting, being worked on, and delayed. */
export async function queueDepth(client: SQSClient, queueUrl: string): Promise<number> {
  const { Attributes = {} } = await client.send(
    new GetQueueAttributesCommand({
      QueueUrl: queueUrl,
      AttributeNames: [
        'ApproximateNumberOfMessages',
        'ApproximateNumberOfMessagesNotVisible',
        'ApproximateNumberOfMessagesDelayed',
      ],
    }),
  );
  return Object.values(Attributes).reduce((sum, count) => sum + Number(count), 0);
}

/** About how many messages of the queue are being worked on. Throws what the SDK throws. */
export async function messagesInFlight(client: SQSClient, queueUrl: string): Promise<number> {
  const name = 'ApproximateNumberOfMessagesNotVisible';
  const { Attributes = {} } = await client.send(
    new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: [name] }),
  );
  return Number(Attributes[name] ?? 0);
}

/**
 * Receives up to ten messages, and hides them for this many seconds. If it returns none, all are
 * hidden or gone: it asks every server of the queue. Throws what the SDK throws.
 */
export async function receiveMessages(
  client: SQSClient,
  queueUrl: string,
  hiddenSeconds: number,
): Promise<ReceivedMessage[]> {
  const { Messages = [] } = await client.send(
    new ReceiveMessageCommand({
      QueueUrl: queueUrl,
      MaxNumberOfMessages: maxEntries,
      MessageAttributeNames: ['All'],
      MessageSystemAttributeNames: ['SentTimestamp'],
      VisibilityTimeout: hiddenSeconds,
      WaitTimeSeconds: 1,
    }),
  );
  return Messages.map((message) => {
    const receiptHandle = message.ReceiptHandle!;
    return Object.assign(queuedMessage(message), { receiptHandle });
  });
}

/** Deletes received messages; returns the indexes of those that SQS did not delete. */
export async function deleteMessages(
  client: SQSClient,
  queueUrl: string,
  handles: readonly string[],
): Promise<number[]> {
  const failed: number[] = [];
  for (let start = 0; start < handles.length; start += maxEntries) {
    const entries = handles.slice(start, start + maxEntries).map((handle, index) => ({
      Id: String(start + index),
      ReceiptHandle: handle,
    }));
    const deleted = new Set<string | undefined>();
    try {
      const { Successful = [] } = await client.send(
        new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries: entries }),
      );
      for (const { Id } of Successful) deleted.add(Id);
    } catch {
      // not known whether they were deleted, so they count as not deleted
    }
    failed.push(...entries.filter(({ Id }) => !deleted.has(Id)).map(({ Id }) => Number(Id)));
  }
  return failed;
}

/** Makes received messages visible to others again at once. Throws what the SDK throws. */
export async function makeVisible(
  client: SQSClient,
  queueUrl: string,
  handles: readonly string[],
): Promise<void> {
  for (let start = 0; start < handles.length; start += maxEntries) {
    await client.send(
      new ChangeMessageVisibilityBatchCommand({
        QueueUrl: queueUrl,
        Entries: handles.slice(start, start + maxEntries).map((handle, index) => ({
          Id: String(index),
          ReceiptHandle: handle,
          VisibilityTimeout: 0,
        })),
      }),
    );
  }
}

function queuedMessage(message: Message): QueuedMessage {
  return {
    messageId: message.MessageId!,
    body: message.Body!,
    sentAt: new Date(Number(message.Attributes?.SentTimestamp)),
    attributes: stringValues(message.MessageAttributes),
  };
}

function stringValues(
  attributes: Readonly<Record<string, MessageAttributeValue>> = {},
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(attributes).flatMap(([name, { StringValue }]) =>
      StringValue === undefined ? [] : [[name, StringValue]],
    ),
  );
}

/** Groups of indexes, each for one request; a message over the limit has a group of its own. */
function requests(messages: readonly OutgoingMessage[]): number[][] {
  const groups: number[][] = [];
  let bytes = Infinity;
  for (const [index, message] of messages.entries()) {
    const size = messageBytes(message);
    const group = groups.at(-1);
    if (group === undefined || group.length === maxEntries || bytes + size > maxBytes) {
      groups.push([index]);
      bytes = size;
    } else {
      group.push(index);
      bytes += size;
    }
  }
  return groups;
}

function messageBytes({ body, attributes = {} }: OutgoingMessage): number {
  return Object.entries(attributes).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(`${name}String${value}`),
    Buffer.byteLength(body),
  );
}

function stringAttributes(
  attributes: Readonly<Record<string, string>> = {},
): Record<string, MessageAttributeValue> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [
      name,
      { DataType: 'String', StringValue: value },
    ]),
  );
}
