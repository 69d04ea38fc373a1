import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

import { SealBroken } from '../../lib/errors.ts';
import type { Rejection } from './drain.ts';
import type { KmsDouble } from './kms-double.ts';

/** A stand-in for KMS and for sending to SQS, which the SDK's clients reach over the loopback. */
export interface AwsStandIn {
  endpoint: string;
  /** The messages that functions sent to the dead-letter queue. */
  rejected: Rejection[];
  close(): void;
}

interface Request {
  CiphertextBlob: string;
  KeyId: string;
  EncryptionContext: { dataKeyId: string };
  Entries: { Id: string; MessageBody: string; MessageAttributes: Attributes }[];
}

type Attributes = Readonly<Record<string, { StringValue: string }>>;

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

/** Serves the calls that the vault's functions make, with a KMS of this process behind. */
export async function startAwsStandIn(kms: KmsDouble): Promise<AwsStandIn> {
  const rejected: Rejection[] = [];
  const calls: Record<string, (request: Request) => unknown> = {
    'TrentService.GenerateMac': async () => ({ Mac: base64(await kms.tokenRoot()) }),
    'TrentService.GenerateDataKey': async ({ EncryptionContext }) => {
      const key = await kms.generateDataKey(EncryptionContext.dataKeyId);
      const { plaintext, wrapped, kmsKeyArn } = key;
      return { Plaintext: base64(plaintext), CiphertextBlob: base64(wrapped), KeyId: kmsKeyArn };
    },
    'TrentService.Decrypt': async ({ CiphertextBlob, KeyId, EncryptionContext }) => {
      const wrapped = Buffer.from(CiphertextBlob, 'base64');
      const key = { id: EncryptionContext.dataKeyId, wrapped, kmsKeyArn: KeyId };
      return { Plaintext: base64(await kms.unwrapDataKey(key)), KeyId };
    },
    'AmazonSQS.SendMessageBatch': ({ Entries }) => {
      rejected.push(
        ...Entries.map(({ MessageBody, MessageAttributes }) => ({
          body: MessageBody,
          reason: MessageAttributes['reason']?.StringValue ?? '',
        })),
      );
      const Successful = Entries.map(({ Id, MessageBody }) => ({
        Id,
        MessageId: randomUUID(),
        MD5OfMessageBody: createHash('md5').update(MessageBody).digest('hex'),
      }));
      return { Successful, Failed: [] };
    },
  };

  const answer = async (request: IncomingMessage): Promise<[number, unknown]> => {
    const call = calls[String(request.headers['x-amz-target'])];
    if (call === undefined) return [400, { __type: 'UnknownOperationException' }];
    try {
      return [200, await call((await json(request)) as Request)];
    } catch (error) {
      const broken = error instanceof SealBroken;
      return [400, { __type: broken ? 'InvalidCiphertextException' : 'InternalException' }];
    }
  };
  const server = createServer((request, response) => {
    void answer(request).then(([status, body]) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
    );
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return { endpoint: `http://127.0.0.1:${port}`, rejected, close: () => server.close() };
}
