import { VaultError } from '../../lib/errors.ts';
import type { SealingKeyService } from '../../lib/crypto/kms.ts';
import type { Prng } from '../../scripts/local/prng.ts';
import { readable } from '../helpers/readable.ts';
import type { Call } from './call.ts';
import type { Outside, Point } from './container.ts';
import type { LateCalls } from './late-calls.ts';
import { markers } from './messages.ts';
import type { Queue } from './queue.ts';
import type { Tally } from './tally.ts';
import type { Weather } from './weather.ts';

/** What the world outside is made of. */
export interface OutsideDeps {
  prng: Prng;
  weather: Weather;
  kms: SealingKeyService;
  queue: Queue;
  lateCalls: LateCalls;
  tally: Tally;
}

/**
 * What a container sees of the world, disturbed by the card of its call under way. What a dead one
 * asks for is never answered.
 */
export function createOutside(underWay: () => Call | null, deps: OutsideDeps): Outside {
  const { prng, weather, kms, queue, tally } = deps;
  return {
    tokenRoot: () => weather.through(() => kms.tokenRoot()),
    generateDataKey: (id) => weather.through(() => kms.generateDataKey(id)),
    failed: (error) => {
      if (underWay()?.isDead !== true) noteError(error, tally);
    },
    counted: (counts) => {
      for (const [name, by] of Object.entries(counts)) tally.counted(name, by);
    },
    sendToDeadLetters: async (letters) => {
      const call = underWay();
      if (call?.isDead === true) return forever();
      const card = call?.card;
      if (card !== 'dead letters not taken' && card !== 'dead letters taken, answer lost') {
        letters.forEach(queue.addDeadLetter);
        return [];
      }
      const failed = letters.flatMap((_, index) => (prng.fraction() < 0.6 ? [index] : []));
      if (failed.length > 0) tally.met(card);
      for (const [index, letter] of letters.entries()) {
        if (card === 'dead letters taken, answer lost' || !failed.includes(index)) {
          queue.addDeadLetter(letter);
        }
      }
      return failed;
    },
    reaches: (point) => reach(point, underWay(), deps),
  };
}

async function reach(
  point: Point,
  call: Call | null,
  { prng, lateCalls, tally }: OutsideDeps,
): Promise<void> {
  if (call === null || call.isDead) return forever();
  const { card } = call;
  if (card === 'killed under the statement' && point === 'before the statement') {
    setTimeout(() => {
      if (call.isOver) return;
      tally.met(card);
      call.die();
    }, prng.below(8));
    return undefined;
  }
  if (card === `killed ${point}`) {
    tally.met(card);
    call.die();
    return forever();
  }
  if (card === `late ${point}`) {
    // once only: a batch that is halved comes here again
    call.card = null;
    tally.met(card);
    call.beLate();
    await lateCalls.hold();
  }
  return undefined;
}

function noteError(error: unknown, tally: Tally): void {
  const text = typeof error === 'string' ? error : readable(error);
  if (markers.some((marker) => text.includes(marker))) {
    tally.found('an error that ingest logged holds a plaintext');
  }
  const name = error instanceof VaultError ? error.message : String(error);
  tally.failed(name);
  if (name.includes('foreign') || !(error instanceof VaultError || typeof error === 'string')) {
    tally.found('ingest met an error that is none of the vault’s');
  }
}

function forever(): Promise<never> {
  return new Promise(() => undefined);
}
