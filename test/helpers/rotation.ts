import type { Pool } from 'pg';

import { migrate } from '../../db/migrate/migrate.ts';
import { rotationParts, sweepAll } from '../../cli/rotation-parts.ts';
import {
  abortRotation,
  beginRotation,
  finishRotation,
  notePause,
  rotationState,
} from '../../db/operations/rotation.ts';
import { createOpeningKeys, createSealingKeys } from '../../lib/crypto/data-key.ts';
import type { TokenKeyArns } from '../../lib/crypto/kms.ts';
import { createTokenizerSource } from '../../lib/crypto/token.ts';
import { rotate, type RotateDeps, type RotateReport } from '../../lib/operations/rotate.ts';
import type { KmsDouble } from '../../scripts/local/kms-double.ts';
import { testPassword } from './cluster.ts';
import type { TestDatabase } from './database.ts';

const who = {
  requestId: 'rotate-test',
  principal: 'arn:aws:sts::1:assumed-role/rotator/ada',
  reason: 'the token key leaked',
};

/** The ARN under which the next token key is noted, of any generation. */
export const nextKey = 'arn:aws:kms:eu-central-1:000000000000:key/next';

/** The rotation of a test's vault, as the command wires it; ingest is not paused, since the test sends itself. */
export interface TestRotation {
  pool: Pool;
  /** Rotates from wherever an earlier run stopped; `changes` replaces parts. */
  rotate: (changes?: Partial<RotateDeps>) => Promise<RotateReport>;
  deps: (changes?: Partial<RotateDeps>) => Promise<RotateDeps>;
  state: () => ReturnType<typeof rotationState>;
  begin: (endSuppressions?: boolean) => Promise<void>;
  abort: () => Promise<void>;
  finish: () => ReturnType<typeof finishRotation>;
  sweep: () => Promise<void>;
}

/** Switches rotation on in this database, and returns what `pii-vault rotate` works with. */
export async function openTestRotation(
  database: TestDatabase,
  kms: KmsDouble,
): Promise<TestRotation> {
  await switchRotation(database, true);
  const pool = database.as('vault_rotate');
  const sweep = () => sweepAll(pool);
  const deps = async (changes: Partial<RotateDeps> = {}): Promise<RotateDeps> => {
    const { generation } = await rotationState(pool);
    const keys = {
      generation,
      tokenizer: createTokenizerSource(kms, generation + 1),
      opening: createOpeningKeys(kms),
      sealing: createSealingKeys(kms),
      isCancelled: () => false,
      nextKey: changes.nextKey ?? nextKey,
    };
    return {
      ...rotationParts(pool, who, keys),
      pause: () => notePause(pool, true),
      resume: () => notePause(pool, false),
      ...changes,
    };
  };
  return {
    pool,
    deps,
    rotate: async (changes) => rotate(await deps(changes)),
    state: () => rotationState(pool),
    begin: (endSuppressions = false) => beginRotation(pool, who, nextKey, endSuppressions),
    abort: async () => {
      await abortRotation(pool, who, false);
      await sweep();
      await abortRotation(pool, who, true);
    },
    finish: () => finishRotation(pool, who),
    sweep,
  };
}

/** Migrates with the parameter `rotation` on or off, and these token keys by generation. */
export async function switchRotation(
  database: TestDatabase,
  isRotating: boolean,
  tokenKeys: TokenKeyArns = new Map(),
): Promise<string[]> {
  await database.admin.query(`grant create on database ${database.name} to vault_migrator`);
  const owner = database.as('vault_migrator');
  const { findings } = await migrate(owner, [], null, { isRotating, tokenKeys });
  if (isRotating) {
    await database.admin.query(`alter role vault_rotate password '${testPassword}'`);
  }
  return findings;
}
