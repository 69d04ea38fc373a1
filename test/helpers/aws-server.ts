import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

import { SealBroken } from '../../lib/errors.ts';
import type { KmsDouble } from './kms-double.ts';

/** A message in a queue of the server. */
export interface StoredMessage {
  messageId: string;
  body: string;
  sentAt: number;
  attributes: Record<string, string>;
  hiddenUntil: number;
  handle: string;
}

/** Queues, and KMS's ReEncrypt, over AWS's JSON protocol, for scripts in a process of their own. */
export interface AwsServer {
  environment: Record<string, string>;
  login: StoredMessage[];
  dead: StoredMessage[];
  /** Called before an action is answered; may change what happens by throwing, or by a kill. */
  before: (action: string) => unknown;
  /** Texts whose messages SQS does not take. */
  refused: Set<string>;
  actions: string[];
  url: (queue: 'login' | 'dead') => string;
  close: () => Promise<void>;
}

interface Parameters {
  QueueUrl: string;
  VisibilityTimeout: number;
  Entries: {
    Id: string;
    MessageBody: string;
    ReceiptHandle: string;
    MessageAttributes?: Record<string, { StringValue: string }>;
  }[];
  CiphertextBlob: string;
  SourceKeyId: string;
  DestinationKeyId: string;
  SourceEncryptionContext: { dataKeyId: string };
}

/** A message as SQS would hold it; a test changes only what it is about. */
export function storedMessage(changes: Partial<StoredMessage> = {}): StoredMessage {
  return {
    messageId: randomUUID(),
    body: '{}',
    sentAt: Date.now() - 60_000,
    attributes: {},
    hiddenUntil: 0,
    handle: '',
    ...changes,
  };
}

const md5 = (text: string) => createHash('md5').update(text).digest('hex');

/** Listens on a port of its own. */
export async function startAwsServer(kms?: KmsDouble): Promise<AwsServer> {
  const queueOf = (parameters: Parameters) =>
    parameters.QueueUrl.endsWith('/dead') ? server.dead : server.login;
  const actions: Record<string, (parameters: Parameters) => unknown> = {
    'AmazonSQS.ReceiveMessage': (parameters) => {
      const visible = queueOf(parameters).filter(({ hiddenUntil }) => hiddenUntil <= Date.now());
      const Messages = visible.slice(0, 10).map((message) => {
        message.hiddenUntil = Date.now() + parameters.VisibilityTimeout * 1000;
        message.handle = randomUUID();
        const attributes = Object.entries(message.attributes).map(([name, StringValue]) => [
          name,
          { DataType: 'String', StringValue },
        ]);
        return {
          MessageId: message.messageId,
          ReceiptHandle: message.handle,
          Body: message.body,
          MD5OfBody: md5(message.body),
          Attributes: { SentTimestamp: String(message.sentAt) },
          MessageAttributes: Object.fromEntries(attributes) as unknown,
        };
      });
      return { Messages };
    },
    'AmazonSQS.SendMessageBatch': (parameters) => {
      const taken = parameters.Entries.filter(
        ({ MessageBody }) => !server.refused.has(MessageBody),
      );
      const Successful = taken.map(({ Id, MessageBody, MessageAttributes = {} }) => {
        const attributes = Object.entries(MessageAttributes).map(([name, { StringValue }]) => [
          name,
          StringValue,
        ]);
        const message = storedMessage({
          body: MessageBody,
          sentAt: Date.now(),
          attributes: Object.fromEntries(attributes) as Record<string, string>,
        });
        queueOf(parameters).push(message);
        return { Id, MessageId: message.messageId, MD5OfMessageBody: md5(MessageBody) };
      });
      return { Successful, Failed: [] };
    },
    'AmazonSQS.DeleteMessageBatch': (parameters) => {
      const queue = queueOf(parameters);
      for (const { ReceiptHandle } of parameters.Entries) {
        const index = queue.findIndex(({ handle }) => handle === ReceiptHandle);
        if (index !== -1) queue.splice(index, 1);
      }
      return { Successful: parameters.Entries.map(({ Id }) => ({ Id })), Failed: [] };
    },
    'AmazonSQS.ChangeMessageVisibilityBatch': (parameters) => {
      for (const { ReceiptHandle } of parameters.Entries) {
        const message = queueOf(parameters).find(({ handle }) => handle === ReceiptHandle);
        if (message !== undefined) message.hiddenUntil = 0;
      }
      return { Successful: parameters.Entries.map(({ Id }) => ({ Id })), Failed: [] };
    },
    'AmazonSQS.GetQueueAttributes': (parameters) => ({
      Attributes: { ApproximateNumberOfMessages: String(queueOf(parameters).length) },
    }),
    'TrentService.ReEncrypt': async (parameters) => {
      const key = {
        id: parameters.SourceEncryptionContext.dataKeyId,
        wrapped: Buffer.from(parameters.CiphertextBlob, 'base64'),
        kmsKeyArn: parameters.SourceKeyId,
      };
      const { wrapped, kmsKeyArn } = await kms!.rewrapDataKey(key, parameters.DestinationKeyId);
      return { CiphertextBlob: Buffer.from(wrapped).toString('base64'), KeyId: kmsKeyArn };
    },
  };

  const answer = async (request: IncomingMessage): Promise<[number, unknown]> => {
    const action = String(request.headers['x-amz-target']);
    try {
      const parameters = (await json(request)) as Parameters;
      await server.before(action);
      server.actions.push(action);
      return [200, await actions[action]!(parameters)];
    } catch (error) {
      const broken = error instanceof SealBroken;
      return [400, { __type: broken ? 'InvalidCiphertextException' : 'AccessDeniedException' }];
    }
  };
  const http = createServer((request: IncomingMessage, response: ServerResponse) => {
    void answer(request).then(([status, body]) =>
      response
        .writeHead(status, { 'content-type': 'application/x-amz-json-1.0' })
        .end(JSON.stringify(body)),
    );
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const url = (queue: string) => `${origin}/000000000000/${queue}`;

  const server: AwsServer = {
    environment: {
      AWS_ENDPOINT_URL: origin,
      AWS_REGION: 'eu-central-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      LOGIN_QUEUE_URL: url('login'),
      DEAD_LETTER_QUEUE_URL: url('dead'),
    },
    login: [],
    dead: [],
    before: () => undefined,
    refused: new Set(),
    actions: [],
    url,
    close: async () => {
      http.closeAllConnections();
      http.close();
      await once(http, 'close');
    },
  };
  return server;
}
