import type { Pool } from 'pg';

import {
  beginRotation,
  mapTokens as writeMapped,
  type RotationContext,
  rotationPage,
  rotationRest,
  rotationState,
  swapTokens,
  sweepTokens,
} from '../db/operations/rotation.ts';
import { type MapDeps, mapRest, mapTokens } from '../lib/operations/map-tokens.ts';
import type { RotateDeps } from '../lib/operations/rotate.ts';

const sweptAtOnce = 5_000;

/** What the parts of a rotation work with. */
export type RotationKeys = Pick<
  MapDeps,
  'generation' | 'tokenizer' | 'opening' | 'sealing' | 'isCancelled'
> &
  Pick<RotateDeps, 'nextKey'>;

/** What `rotate` does with the database and the keys: all but the pause of ingest. */
export type RotationParts = Omit<RotateDeps, 'pause' | 'resume' | 'mapPages'> & {
  mapPages: (progress?: MapDeps['progress']) => Promise<void>;
};

/** The parts of a rotation, as vault_rotate; with `endSuppressions` it begins though values are suppressed. */
export function rotationParts(
  pool: Pool,
  who: RotationContext,
  keys: RotationKeys,
  endSuppressions = false,
): RotationParts {
  const shared: Omit<MapDeps, 'page' | 'progress'> = {
    ...keys,
    write: (values, dataKey) => writeMapped(pool, values, dataKey),
  };
  return {
    state: () => rotationState(pool),
    nextKey: keys.nextKey,
    begin: () => beginRotation(pool, who, keys.nextKey, endSuppressions),
    mapPages: async (progress = () => undefined) => {
      await mapTokens({
        ...shared,
        page: (after, rows) => rotationPage(pool, after, rows),
        progress,
      });
    },
    mapRest: () => mapRest({ ...shared, rest: (rows) => rotationRest(pool, rows) }),
    swap: () => swapTokens(pool, who),
    sweep: () => sweepAll(pool, keys.isCancelled),
    isCancelled: keys.isCancelled,
    now: Date.now,
  };
}

/** Deletes the vault's rows under the other names, a page at a time. Throws `DatabaseError`. */
export async function sweepAll(pool: Pool, isCancelled = () => false): Promise<void> {
  let after: Uint8Array | null = null;
  do after = await sweepTokens(pool, after, sweptAtOnce);
  while (after !== null && !isCancelled());
}
