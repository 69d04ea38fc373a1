import {
  DecryptCommand,
  DescribeKeyCommand,
  GenerateDataKeyCommand,
  GenerateMacCommand,
  KMSClient,
  type KMSClientConfig,
  KMSServiceException,
  ReEncryptCommand,
} from '@aws-sdk/client-kms';

import { InvalidConfig, KeyServiceError, SealBroken, type VaultError } from '../errors.ts';
import { requestTimeouts } from '../request-timeouts.ts';

/** A new data key. The receiver must zero `plaintext` (32 bytes). */
export interface GeneratedDataKey {
  plaintext: Uint8Array;
  wrapped: Uint8Array;
  kmsKeyArn: string;
}

/** A data key as it is stored. */
export interface WrappedDataKey {
  id: string;
  wrapped: Uint8Array;
  kmsKeyArn: string;
}

/** What KMS does for tokens. */
export interface TokenRootService {
  /**
   * The token root of a generation of the token key: 32 bytes, the same at every call. Throws
   * `KeyServiceError`, and `InvalidConfig` for a generation whose key is not known.
   */
  tokenRoot(generation: number): Promise<Uint8Array>;
}

/** What KMS does for writing. Both throw `KeyServiceError`. */
export interface SealingKeyService extends TokenRootService {
  /** A new data key bound to `dataKeyId` by its encryption context. */
  generateDataKey(dataKeyId: string): Promise<GeneratedDataKey>;
}

/** What KMS does for revealing. */
export interface OpeningKeyService {
  /** Throws `SealBroken` if it was not wrapped for this id, `KeyServiceError` for other faults. */
  unwrapDataKey(key: WrappedDataKey): Promise<Uint8Array>;
}

/** What KMS does for moving data keys to another KMS key. */
export interface RewrappingKeyService {
  /**
   * The same data key, wrapped under the KMS key named by ARN; its plaintext does not leave KMS.
   * Throws `SealBroken` if it was not wrapped for this id, `KeyServiceError` for other faults.
   */
  rewrapDataKey(key: WrappedDataKey, toKeyArn: string): Promise<WrappedDataKey>;
  /** Checks that the caller may do that, and changes nothing. Throws as `rewrapDataKey` does. */
  checkRewrap(key: WrappedDataKey, toKeyArn: string): Promise<void>;
  /** The key's state, such as `Enabled`; null if the caller may not ask. Throws `KeyServiceError`. */
  keyState(keyArn: string): Promise<string | null>;
}

/** Part of every data key's encryption context: a data key of one stage does not open in another. */
export interface KeyScope {
  service: string;
  stage: string;
}

const tokenRootLabel = Buffer.from('pii-vault/token-root/v1');

/** Exceptions of KMS for a wrapped key that is broken; a retry does not help. */
const brokenKey = new Set([
  'InvalidCiphertextException',
  'IncorrectKeyException',
  'InvalidKeyUsageException',
]);

/** A client for this region; `AWS_ENDPOINT_URL` is the SDK's own setting and is honoured. */
export function createKmsClient(config: KMSClientConfig = {}): KMSClient {
  return new KMSClient({ maxAttempts: 3, requestHandler: requestTimeouts, ...config });
}

/** The HMAC keys that tokens are derived from, by generation. */
export type TokenKeyArns = ReadonlyMap<number, string>;

/** The token roots under the HMAC keys named by ARN, through `GenerateMac`. */
export function createTokenRootService(
  client: KMSClient,
  tokenKeyArns: TokenKeyArns,
): TokenRootService {
  return {
    tokenRoot: async (generation) => {
      const arn = tokenKeyArns.get(generation);
      if (arn === undefined) {
        throw new InvalidConfig('TOKEN_KEY_ARNS', `has no key of generation ${generation}`);
      }
      return answered(async () => {
        const { Mac } = await client.send(
          new GenerateMacCommand({
            KeyId: arn,
            MacAlgorithm: 'HMAC_SHA_256',
            Message: tokenRootLabel,
          }),
        );
        return Mac;
      });
    },
  };
}

/** The keys named by ARN, through `GenerateMac` and `GenerateDataKey`; it cannot decrypt. */
export function createSealingKeyService(
  client: KMSClient,
  scope: KeyScope,
  keys: { tokenKeyArns: TokenKeyArns; dataKeyArn: string },
): SealingKeyService {
  return {
    ...createTokenRootService(client, keys.tokenKeyArns),
    generateDataKey: (dataKeyId) =>
      answered(async () => {
        const { Plaintext, CiphertextBlob, KeyId } = await client.send(
          new GenerateDataKeyCommand({
            KeyId: keys.dataKeyArn,
            KeySpec: 'AES_256',
            EncryptionContext: encryptionContext(scope, dataKeyId),
          }),
        );
        if (!Plaintext || !CiphertextBlob || !KeyId) return undefined;
        return { plaintext: Plaintext, wrapped: CiphertextBlob, kmsKeyArn: KeyId };
      }),
  };
}

/** Unwraps through `Decrypt`, under the key each data key names and its encryption context. */
export function createOpeningKeyService(client: KMSClient, scope: KeyScope): OpeningKeyService {
  return {
    unwrapDataKey: ({ id, wrapped, kmsKeyArn }) =>
      answered(async () => {
        const { Plaintext } = await client.send(
          new DecryptCommand({
            KeyId: kmsKeyArn,
            CiphertextBlob: wrapped,
            EncryptionContext: encryptionContext(scope, id),
          }),
        );
        return Plaintext;
      }, unwrapFault),
  };
}

/** Wraps again with `ReEncrypt`, under the same encryption context. */
export function createRewrappingKeyService(
  client: KMSClient,
  scope: KeyScope,
): RewrappingKeyService {
  const reEncrypt = ({ id, wrapped, kmsKeyArn }: WrappedDataKey, toKeyArn: string) => ({
    CiphertextBlob: wrapped,
    SourceKeyId: kmsKeyArn,
    SourceEncryptionContext: encryptionContext(scope, id),
    DestinationKeyId: toKeyArn,
    DestinationEncryptionContext: encryptionContext(scope, id),
  });
  return {
    rewrapDataKey: (key, toKeyArn) =>
      answered(async () => {
        const request = new ReEncryptCommand(reEncrypt(key, toKeyArn));
        const { CiphertextBlob, KeyId } = await client.send(request);
        if (!CiphertextBlob || KeyId !== toKeyArn) return undefined;
        return { id: key.id, wrapped: CiphertextBlob, kmsKeyArn: KeyId };
      }, unwrapFault),
    async checkRewrap(key, toKeyArn) {
      const request = new ReEncryptCommand({ ...reEncrypt(key, toKeyArn), DryRun: true });
      try {
        await answered(() => client.send(request), unwrapFault);
      } catch (error) {
        if (exceptionOf(error) !== 'DryRunOperationException') throw error;
      }
    },
    async keyState(keyArn) {
      try {
        return await answered(async () => {
          const { KeyMetadata } = await client.send(new DescribeKeyCommand({ KeyId: keyArn }));
          return KeyMetadata?.KeyState;
        });
      } catch (error) {
        if (exceptionOf(error) === 'AccessDeniedException') return null;
        throw error;
      }
    },
  };
}

function exceptionOf(error: unknown): string | null {
  return error instanceof KeyServiceError ? error.exception : null;
}

function encryptionContext(scope: KeyScope, dataKeyId: string): Record<string, string> {
  return { service: scope.service, stage: scope.stage, dataKeyId };
}

function unwrapFault(exception: string): VaultError {
  return brokenKey.has(exception) ? new SealBroken() : new KeyServiceError(exception);
}

// errors of the SDK hold the request and the response: only their name is kept
async function answered<T>(
  call: () => Promise<T | undefined>,
  faultOf = (exception: string): VaultError => new KeyServiceError(exception),
): Promise<T> {
  let answer: T | undefined;
  try {
    answer = await call();
  } catch (error) {
    if (!(error instanceof KMSServiceException)) throw new KeyServiceError(null);
    throw faultOf(error.name);
  }
  if (answer === undefined) throw new KeyServiceError(null);
  return answer;
}
