import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { text as readText } from 'node:stream/consumers';

import { KeyServiceError, SealBroken } from '../../lib/errors.ts';
import type { KmsDouble } from '../../scripts/local/kms-double.ts';
import { startLoopbackServer } from './loopback-server.ts';

/** A message in a queue of the server. */
export interface StoredMessage {
  messageId: string;
  body: string;
  sentAt: number;
  attributes: Record<string, string>;
  hiddenUntil: number;
  handle: string;
}

/** Queues, KMS's ReEncrypt and a CloudFormation stack over HTTP, for commands in their own process. */
export interface AwsServer {
  environment: Record<string, string>;
  login: StoredMessage[];
  dead: StoredMessage[];
  /** Called before an action is answered; may change what happens by throwing, or by a kill. */
  before: (action: string) => unknown;
  /** Texts whose messages SQS does not take. */
  refused: Set<string>;
  actions: string[];
  /** The outputs of CloudFormation stacks, by the stack's name. */
  stacks: Record<string, Record<string, string>>;
  /** What CloudWatch lists. */
  alarms: Record<string, unknown>[];
  /** The ARN that STS gives the caller. */
  arn: string;
  /** Answers a call to the URL of the function with this id, with a status and a JSON body. */
  callUrl: (id: string, body: unknown) => Promise<[number, unknown]>;
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
  DryRun?: boolean;
  KeyId: string;
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
    'GraniteServiceVersion20100801.DescribeAlarms': () => ({ MetricAlarms: server.alarms }),
    'TrentService.DescribeKey': async ({ KeyId }) => ({
      KeyMetadata: { KeyId, KeyState: await kms!.keyState(KeyId) },
    }),
    'TrentService.ReEncrypt': async (parameters) => {
      const key = {
        id: parameters.SourceEncryptionContext.dataKeyId,
        wrapped: Buffer.from(parameters.CiphertextBlob, 'base64'),
        kmsKeyArn: parameters.SourceKeyId,
      };
      if (parameters.DryRun === true) {
        await kms!.checkRewrap(key, parameters.DestinationKeyId);
        throw new KeyServiceError('DryRunOperationException');
      }
      const { wrapped, kmsKeyArn } = await kms!.rewrapDataKey(key, parameters.DestinationKeyId);
      return { CiphertextBlob: Buffer.from(wrapped).toString('base64'), KeyId: kmsKeyArn };
    },
  };

  // CloudFormation speaks AWS's older protocol: a form in, XML out
  const describeStacks = (name: string): [number, string] => {
    const outputs = server.stacks[name];
    if (outputs === undefined) {
      return [400, xmlError('ValidationError')];
    }
    const members = Object.entries(outputs).map(
      ([key, value]) =>
        `<member><OutputKey>${key}</OutputKey><OutputValue>${value}</OutputValue></member>`,
    );
    const stack = `<member><StackName>${name}</StackName><Outputs>${members.join('')}</Outputs></member>`;
    const result = `<DescribeStacksResult><Stacks>${stack}</Stacks></DescribeStacksResult>`;
    return [200, `<DescribeStacksResponse>${result}</DescribeStacksResponse>`];
  };

  const answer = async (request: IncomingMessage): Promise<[number, string]> => {
    const body = await readText(request);
    const [, functionId] = /^\/_aws\/lambda-url\/(\w+)\/$/.exec(request.url ?? '') ?? [];
    if (functionId !== undefined) {
      const [status, called] = await server.callUrl(functionId, JSON.parse(body) as unknown);
      return [status, JSON.stringify(called)];
    }
    const target = request.headers['x-amz-target'];
    const form = new URLSearchParams(target === undefined ? body : '');
    const action = target === undefined ? `CloudFormation.${form.get('Action')}` : String(target);
    try {
      await server.before(action);
      server.actions.push(action);
      if (form.get('Action') === 'GetCallerIdentity') {
        return [200, `<R><Arn>${server.arn}</Arn></R>`];
      }
      if (form.get('Action') === 'AssumeRole') {
        const keys = '<AccessKeyId>a</AccessKeyId><SecretAccessKey>b</SecretAccessKey>';
        const session = `<SessionToken>c</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>`;
        return [200, `<R><Arn>${server.arn}</Arn>${keys}${session}</R>`];
      }
      if (target === undefined) return describeStacks(form.get('StackName') ?? '');
      return [200, JSON.stringify(await actions[action]!(JSON.parse(body) as Parameters))];
    } catch (error) {
      if (target === undefined) return [403, xmlError('AccessDenied')];
      return [400, JSON.stringify({ __type: exceptionFor(error) })];
    }
  };
  const { origin, close } = await startLoopbackServer(async (request, response) => {
    const [status, body] = await answer(request);
    const type = body.startsWith('<') ? 'text/xml' : 'application/x-amz-json-1.0';
    response.writeHead(status, { 'content-type': type }).end(body);
  });
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
    stacks: {},
    alarms: [],
    arn: 'arn:aws:iam::000000000000:user/grace',
    callUrl: () => Promise.resolve([403, {}]),
    url,
    close,
  };
  return server;
}

function xmlError(code: string): string {
  return `<ErrorResponse><Error><Code>${code}</Code></Error></ErrorResponse>`;
}

function exceptionFor(error: unknown): string {
  if (error instanceof SealBroken) return 'InvalidCiphertextException';
  if (error instanceof KeyServiceError && error.exception !== null) return error.exception;
  return 'AccessDeniedException';
}
