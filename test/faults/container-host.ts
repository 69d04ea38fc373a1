import { VaultError } from '../../lib/errors.ts';
import type { SealingKeyService } from '../../lib/crypto/kms.ts';
import type { Prng } from '../../scripts/local/prng.ts';
import { readable } from '../helpers/readable.ts';
import type { Call } from './call.ts';
import type { ContainerHost, Point } from './container.ts';
import type { LateCalls } from './late-calls.ts';
import { markers } from './messages.ts';
import type { Queue } from './queue.ts';
import type { Tally } from './tally.ts';
import type { FlakyKms } from './flaky-kms.ts';

/** What the host of a container needs. */
export interface HostDeps {
  prng: Prng;
  flakyKms: FlakyKms;
  kms: SealingKeyService;
  queue: Queue;
  lateCalls: LateCalls;
  tally: Tally;
}

/**
 * What a container sees of its host, disturbed by the fault of its running call. What a dead one
 * asks for is never answered.
 */
export function createHost(underWay: () => Call | null, deps: HostDeps): ContainerHost {
  const { prng, flakyKms, kms, queue, tally } = deps;
  return {
    tokenRoot: (generation) => flakyKms.run(() => kms.tokenRoot(generation)),
    generateDataKey: (id) => flakyKms.run(() => kms.generateDataKey(id)),
    failed: (error) => {
      if (underWay()?.isDead !== true) noteError(error, tally);
    },
    counted: (counts) => {
      for (const [name, by] of Object.entries(counts)) tally.counted(name, by);
    },
    met: tally.met,
    sendToDeadLetters: async (letters) => {
      const call = underWay();
      if (call?.isDead === true) return forever();
      const fault = call?.fault;
      if (fault !== 'dead letters not taken' && fault !== 'dead letters taken, answer lost') {
        letters.forEach(queue.addDeadLetter);
        return [];
      }
      const failed = letters.flatMap((_, index) => (prng.fraction() < 0.6 ? [index] : []));
      if (failed.length > 0) tally.met(fault);
      for (const [index, letter] of letters.entries()) {
        if (fault === 'dead letters taken, answer lost' || !failed.includes(index)) {
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
  { prng, lateCalls, tally }: HostDeps,
): Promise<void> {
  if (call === null || call.isDead) return forever();
  const { fault } = call;
  if (fault === 'killed under the statement' && point === 'before the statement') {
    setTimeout(() => {
      if (call.isOver) return;
      tally.met(fault);
      call.die();
    }, prng.below(8));
    return undefined;
  }
  if (fault === `killed ${point}`) {
    tally.met(fault);
    call.die();
    return forever();
  }
  if (fault === `late ${point}`) {
    // once only: a batch that is halved comes here again
    call.fault = null;
    tally.met(fault);
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
