import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { KeyServiceError, SealBroken, type VaultError } from '../../../lib/errors.ts';
import {
  createKmsClient,
  createOpeningKeyService,
  createSealingKeyService,
} from '../../../lib/crypto/kms.ts';
import { type AwsDouble, startAwsDouble } from '../../helpers/aws-double.ts';
import { readable } from '../../helpers/readable.ts';

const keyArn = (name: string) => `arn:aws:kms:eu-central-1:000000000000:key/${name}`;
const keys = {
  tokenKeyArns: new Map([[1, keyArn('token')]]),
  dataKeyArn: keyArn('data'),
};
const scope = { service: 'pii-vault', stage: 'test' };
const base64 = (text: string) => Buffer.from(text).toString('base64');
const stored = { id: 'data-key-id', wrapped: Buffer.from('wrapped'), kmsKeyArn: keyArn('data') };

let aws: AwsDouble;
beforeEach(async () => {
  aws = await startAwsDouble();
});
afterEach(() => aws.close());

const sealing = () => createSealingKeyService(createKmsClient(), scope, keys);
const opening = () => createOpeningKeyService(createKmsClient(), scope);
const answerWith = (body: Record<string, unknown>) => {
  aws.answer = () => ({ status: 200, body });
};
const failWith = (exception: string) => {
  aws.answer = () => ({ status: 400, body: { __type: exception, message: 'canary-in-message' } });
};

async function thrownBy(work: Promise<unknown>): Promise<VaultError> {
  return work.then(
    () => expect.fail('nothing was thrown'),
    (error: VaultError) => error,
  );
}

describe('KMS', () => {
  it('is asked for the token root by GenerateMac, and for nothing else', async () => {
    answerWith({ Mac: base64('r'.repeat(32)), KeyId: keyArn('token') });
    expect(Buffer.from(await sealing().tokenRoot(1)).toString()).toBe('r'.repeat(32));
    expect(aws.requests).toEqual([
      {
        action: 'TrentService.GenerateMac',
        parameters: {
          KeyId: keyArn('token'),
          MacAlgorithm: 'HMAC_SHA_256',
          Message: base64('pii-vault/token-root/v1'),
        },
      },
    ]);
  });

  it('is asked for a data key bound to service, stage and its id', async () => {
    answerWith({
      Plaintext: base64('p'.repeat(32)),
      CiphertextBlob: base64('wrapped'),
      KeyId: keyArn('data'),
    });
    const generated = await sealing().generateDataKey('data-key-id');
    expect(generated).toEqual({
      plaintext: new Uint8Array(Buffer.from('p'.repeat(32))),
      wrapped: new Uint8Array(Buffer.from('wrapped')),
      kmsKeyArn: keyArn('data'),
    });
    expect(aws.requests).toEqual([
      {
        action: 'TrentService.GenerateDataKey',
        parameters: {
          KeyId: keys.dataKeyArn,
          KeySpec: 'AES_256',
          EncryptionContext: { service: 'pii-vault', stage: 'test', dataKeyId: 'data-key-id' },
        },
      },
    ]);
  });

  it('is asked to unwrap under the key that the row names, with the same context', async () => {
    answerWith({ Plaintext: base64('p'.repeat(32)), KeyId: keyArn('data') });
    expect(Buffer.from(await opening().unwrapDataKey(stored)).toString()).toBe('p'.repeat(32));
    expect(aws.requests).toEqual([
      {
        action: 'TrentService.Decrypt',
        parameters: {
          KeyId: keyArn('data'),
          CiphertextBlob: base64('wrapped'),
          EncryptionContext: { service: 'pii-vault', stage: 'test', dataKeyId: 'data-key-id' },
        },
      },
    ]);
  });

  it.each(['InvalidCiphertextException', 'IncorrectKeyException', 'InvalidKeyUsageException'])(
    'saying %s means that the seal is broken',
    async (exception) => {
      failWith(exception);
      const error = await thrownBy(opening().unwrapDataKey(stored));
      expect(error).toBeInstanceOf(SealBroken);
      expect(readable(error)).not.toMatch(/canary|InvalidCiphertext|IncorrectKey|InvalidKeyUsage/);
      expect(aws.requests).toHaveLength(1);
    },
  );

  it.each([
    'AccessDeniedException',
    'DisabledException',
    'KMSInvalidStateException',
    'NotFoundException',
    'UnsupportedOperationException',
  ])('saying %s is a fault with that name', async (exception) => {
    failWith(exception);
    for (const call of [
      () => sealing().tokenRoot(1),
      () => sealing().generateDataKey('data-key-id'),
      () => opening().unwrapDataKey(stored),
    ]) {
      const error = await thrownBy(call());
      expect(error).toBeInstanceOf(KeyServiceError);
      expect(error).toMatchObject({ exception, message: `KMS answered ${exception}` });
      expect(error.cause).toBeUndefined();
    }
  });

  it('saying InvalidKeyUsageException to what seals is a fault, and no broken seal', async () => {
    failWith('InvalidKeyUsageException');
    await expect(sealing().tokenRoot(1)).rejects.toThrow(KeyServiceError);
    await expect(sealing().generateDataKey('data-key-id')).rejects.toThrow(KeyServiceError);
  });

  it('throttling is tried again, and then a fault', async () => {
    failWith('ThrottlingException');
    const error = await thrownBy(opening().unwrapDataKey(stored));
    expect(error).toMatchObject({ name: 'KeyServiceError', exception: 'ThrottlingException' });
    expect(aws.requests).toHaveLength(3);
  });

  it('hanging up is a fault without a name', async () => {
    aws.answer = () => null;
    const error = await thrownBy(sealing().tokenRoot(1));
    expect(error).toMatchObject({ name: 'KeyServiceError', exception: null });
  });

  it.each<[string, Record<string, unknown>]>([
    ['nothing', {}],
    ['a data key without its wrapped form', { Plaintext: base64('p'), KeyId: 'key' }],
    ['a data key without its plaintext', { CiphertextBlob: base64('w'), KeyId: 'key' }],
    ['a data key without its ARN', { Plaintext: base64('p'), CiphertextBlob: base64('w') }],
  ])('answering %s is a fault', async (_what, body) => {
    answerWith(body);
    await expect(sealing().generateDataKey('data-key-id')).rejects.toThrow(KeyServiceError);
  });

  it.each(['tokenRoot', 'unwrapDataKey'] as const)(
    'answering %s with nothing is a fault',
    async (call) => {
      answerWith({});
      const asked = call === 'tokenRoot' ? sealing().tokenRoot(1) : opening().unwrapDataKey(stored);
      await expect(asked).rejects.toThrow(KeyServiceError);
    },
  );

  it('errors hold neither request nor response', async () => {
    const wrapped = Buffer.from('canary-wrapped-bytes');
    for (const exception of ['InvalidCiphertextException', 'DisabledException', 'canary in name']) {
      failWith(exception);
      const error = await thrownBy(
        opening().unwrapDataKey({ ...stored, id: 'canary-id', wrapped }),
      );
      const text = readable(error);
      expect(text).not.toContain('canary-id');
      expect(text).not.toContain('canary-in-message');
      expect(text).not.toContain(wrapped.toString('base64'));
      expect(text).not.toContain('$metadata');
    }
  });
});
