import {
  type MessageAttributeValue,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';

/** A message to send: its body as it is, and string attributes. */
export interface OutgoingMessage {
  body: string;
  attributes?: Readonly<Record<string, string>>;
}

const mostEntries = 10;
// SQS's limit for a request in every region; newer regions take more
const mostBytes = 256 * 1024;

/** A client for this region; `AWS_ENDPOINT_URL` is the SDK's own setting and is honoured. */
export function createSqsClient(): SQSClient {
  return new SQSClient({ maxAttempts: 3 });
}

/**
 * Sends the messages in as few requests as SQS's limits allow. Returns the indexes of those
 * that SQS did not take, whether it refused the message or the whole request failed.
 */
export async function sendMessages(
  client: SQSClient,
  queueUrl: string,
  messages: readonly OutgoingMessage[],
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
    } catch {
      failed.push(...indexes);
    }
  }
  return failed;
}

/** Groups of indexes that fit into one request each; a message over the limit stands alone. */
function requests(messages: readonly OutgoingMessage[]): number[][] {
  const groups: number[][] = [];
  let bytes = Infinity;
  for (const [index, message] of messages.entries()) {
    const size = messageBytes(message);
    const group = groups.at(-1);
    if (group === undefined || group.length === mostEntries || bytes + size > mostBytes) {
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
