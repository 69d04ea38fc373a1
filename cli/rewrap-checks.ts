import { KeyServiceError } from '../lib/errors.ts';
import type { RewrappingKeyService, WrappedDataKey } from '../lib/crypto/kms.ts';
import type { Stage } from './stage.ts';
import { UserError } from './user-error.ts';

/**
 * Refuses a KMS key that the deployed functions may not use: what is wrapped under it could not be
 * revealed, or new data keys would still be made under another. Throws `UserError`.
 */
export async function checkDestination(stage: Stage, to: string): Promise<void> {
  const opening = (await stage.output('OpeningDataKeyArns')).split(',');
  if (!opening.includes(to)) {
    throw new UserError(
      `The functions of ${stage.name} may not open data keys with ${to}: nothing could be ` +
        'revealed any more. Name it in the parameter dataKeyArn and deploy first.',
    );
  }
  const current = await stage.output('DataKeyArn');
  if (current !== to) {
    throw new UserError(
      `ingest of ${stage.name} makes its data keys under ${current}, not under ${to}. ` +
        'Name the new key in the parameter dataKeyArn and deploy first.',
    );
  }
}

/**
 * Asks KMS whether the new key can be used, and whether the caller may move these data keys, without
 * moving one. Throws `UserError`.
 */
export async function checkCaller(
  kms: RewrappingKeyService,
  keys: readonly WrappedDataKey[],
  to: string,
): Promise<void> {
  const state = await kms.keyState(to).catch((error: unknown) => {
    if (exceptionOf(error) !== 'NotFoundException') throw error;
    return 'missing';
  });
  if (state !== null && state !== 'Enabled') {
    throw new UserError(`The KMS key ${to} cannot be used: its state is ${state}.`);
  }
  const samples = new Map(keys.map((key) => [key.kmsKeyArn, key]));
  for (const key of samples.values()) {
    try {
      await kms.checkRewrap(key, to);
    } catch (error) {
      // of any other fault rewrap itself tells, and goes on with the other data keys
      if (isDenied(error)) throw keyFault(error);
    }
  }
}

/** The fault in plain words where KMS refused the caller; any other error as it is. */
export function keyFault(error: unknown): unknown {
  if (!isDenied(error)) return error;
  return new UserError(
    'Access denied: KMS does not let your AWS credentials move data keys. They need ' +
      'kms:ReEncryptFrom on the present key and kms:ReEncryptTo on the new one ' +
      '(docs/operations.md, "Rotate the KMS key"). What was moved stays moved.',
  );
}

function isDenied(error: unknown): boolean {
  return exceptionOf(error) === 'AccessDeniedException';
}

function exceptionOf(error: unknown): string | null {
  return error instanceof KeyServiceError ? error.exception : null;
}
