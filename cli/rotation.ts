import { randomUUID } from 'node:crypto';
import { Pool } from 'pg';

import { notePause } from '../db/operations/rotation.ts';
import { createOpeningKeys, createSealingKeys } from '../lib/crypto/data-key.ts';
import {
  createKmsClient,
  createOpeningKeyService,
  createSealingKeyService,
} from '../lib/crypto/kms.ts';
import { createTokenizerSource } from '../lib/crypto/token.ts';
import { DatabaseError, KeyServiceError } from '../lib/errors.ts';
import type { RotateDeps, RotationState } from '../lib/operations/rotate.ts';
import { createSqsClient, messagesInFlight } from '../lib/sqs.ts';
import { assumeRole } from './assume-role.ts';
import { findCaller } from './caller.ts';
import type { CommonOptions } from './command.ts';
import { withPool } from './database.ts';
import { databaseConfig } from './login.ts';
import { type IngestSwitch, ingestSwitch } from './pause-ingest.ts';
import { showProgress } from './progress.ts';
import { deployedKeys, otherNextKey } from './rotation-keys.ts';
import { rotationParts } from './rotation-parts.ts';
import { service, type Stage } from './stage.ts';
import { UserError } from './user-error.ts';

/** A stage whose token key may be replaced, as the command reaches it. */
export interface OpenRotation {
  stage: Stage;
  /** Logged in as vault_rotate. */
  pool: Pool;
  /** For the audit. */
  who: { requestId: string; principal: string };
  ingest: IngestSwitch;
  kms: ReturnType<typeof createKmsClient>;
}

/** Options of the command that this needs. */
export interface RotationOptions extends CommonOptions {
  reason: string;
  endSuppressions?: true;
}

/** Takes on the stage's rotator role, logs in as vault_rotate and does `work`. Throws `UserError`. */
export async function openRotation<T>(
  stage: Stage,
  options: RotationOptions,
  work: (rotation: OpenRotation) => Promise<T>,
): Promise<T> {
  const caller = await findCaller(stage, {});
  const { arn, credentials } = await assumeRole(caller, await stage.output('RotatorRoleArn'));
  const aws = { ...stage.aws, credentials };
  const kms = createKmsClient(aws);
  const sqs = createSqsClient(aws);
  const { login } = await stage.queues();
  const mapping = await stage.output('IngestEventSourceMappingId');
  const ingest = ingestSwitch(aws, mapping, () => messagesInFlight(sqs, login));
  const config = await databaseConfig({ ...stage, aws }, 'vault_rotate', options);
  try {
    return await withPool({ ...config, connectionTimeoutMillis: 10_000 }, (pool) =>
      work({
        stage,
        pool,
        who: { requestId: `rotate-${randomUUID()}`, principal: arn },
        ingest,
        kms,
      }),
    );
  } finally {
    ingest.close();
    kms.destroy();
    sqs.destroy();
  }
}

/** The next token key that a rotation in this state maps under. Throws `UserError` if it has begun under another. */
export async function nextKeyOf(
  stage: Stage,
  { generation, phase, nextKey }: RotationState,
): Promise<string> {
  const deployed = (await deployedKeys(stage)).get(generation + 1);
  const problem = phase === null ? null : otherNextKey(stage, { nextKey }, deployed);
  if (problem !== null) throw new UserError(`Nothing more was mapped: ${problem}.`);
  if (deployed === undefined) {
    throw new UserError(
      `${stage.name} is deployed without a token key of generation ${generation + 1}.`,
    );
  }
  return deployed;
}

/** What `rotate` works with, from this state on. Throws `UserError`. */
export async function rotateDeps(
  rotation: OpenRotation,
  state: RotationState,
  { reason, endSuppressions }: RotationOptions,
  signal: AbortSignal,
  values: number,
): Promise<RotateDeps> {
  const { stage, pool, who, ingest, kms } = rotation;
  const { generation, mapped } = state;
  const scope = { service, stage: stage.name };
  const keys = createSealingKeyService(kms, scope, {
    tokenKeyArns: await deployedKeys(stage),
    dataKeyArn: await stage.output('DataKeyArn'),
  });
  const parts = rotationParts(
    pool,
    { ...who, reason },
    {
      generation,
      // after the swap nothing is mapped
      nextKey: state.phase === 'swapped' ? '' : await nextKeyOf(stage, state),
      tokenizer: createTokenizerSource(keys, generation + 1),
      opening: createOpeningKeys(createOpeningKeyService(kms, scope)),
      sealing: createSealingKeys(keys),
      isCancelled: () => signal.aborted,
    },
    endSuppressions === true,
  );
  return {
    ...parts,
    begin: () => parts.begin().catch(refuseSuppressed),
    mapPages: async () => {
      // what is mapped is in the vault twice
      const progress = showProgress('Mapping values', values + mapped || null);
      await parts.mapPages(progress.update).catch(explainKeys).finally(progress.end);
    },
    mapRest: () => parts.mapRest().catch(explainKeys),
    pause: async () => {
      console.error('Pausing ingest …');
      await notePause(pool, true);
      await ingest.pause();
    },
    resume: async () => {
      await ingest.resume();
      await notePause(pool, false);
      console.error('Ingest goes on.');
    },
    swap: async () => {
      console.error('Replacing the tokens of user_logins, in one transaction …');
      return parts.swap().catch(explainSwap);
    },
  };
}

function refuseSuppressed(error: unknown): never {
  if (error instanceof DatabaseError && error.state === '55000') {
    throw new UserError(
      'Values are suppressed (npx pii-vault audit --action suppress lists them): their tokens cannot be made under the next key, so suppression ends with the ' +
        'rotation. Add --end-suppressions to accept that, and have them suppressed again.',
    );
  }
  throw error;
}

function explainSwap(error: unknown): never {
  if (error instanceof DatabaseError && error.state === '55P03') {
    throw new UserError(
      'Somebody else maps values, or has their table locked, for longer than 30 seconds: nothing was replaced. Try again.',
    );
  }
  throw error;
}

function explainKeys(error: unknown): never {
  if (error instanceof KeyServiceError) {
    throw new UserError(
      `KMS answered ${error.exception ?? 'nothing'}: what was mapped stays so. Every KMS key that wraps data keys ` +
        'must be enabled, and a key of your own must name the role in its policy (docs/operations.md, "The token ' +
        'key leaked"). Run the same command again to go on.',
    );
  }
  throw error;
}
