import type { Prng } from '../../scripts/local/prng.ts';
import type { CrashingPostgres } from '../helpers/crashing-postgres.ts';
import { createShuffled } from './shuffled.ts';
import type { Now } from './now.ts';
import type { Tally } from './tally.ts';

/** How Postgres dies: all of it, or one of its processes, after which it resets all others. */
export const crashFaults = ['Postgres killed', 'Postgres backend killed'] as const;

/** The crashes of Postgres, one at a time. */
export interface Crashes {
  /** Begins one when its round has come. */
  next: () => void;
  isUnderWay: () => boolean;
  /** Returns once the one under way has ended. */
  ended: () => Promise<void>;
}

interface Deps {
  prng: Prng;
  now: Readonly<Now>;
  postgres: CrashingPostgres;
  tally: Tally;
  /** Rounds between two, about. */
  every: number;
}

const firstRound = 4;

export function createCrashes({ prng, now, postgres, tally, every }: Deps): Crashes {
  const nextFault = createShuffled(prng, crashFaults);
  let fault = nextFault();
  let nextRound = firstRound;
  let crash: Promise<void> = Promise.resolve();
  let isUnderWay = false;

  const meet = () => {
    tally.met(fault);
    fault = nextFault();
    // the second one soon, so that a short storm meets both
    nextRound = now.round + (nextRound === firstRound ? 5 : 1 + prng.below(2 * every));
  };
  const killAll = async () => {
    await new Promise((resolve) => setTimeout(resolve, prng.below(25)));
    meet();
    await postgres.crash(prng.below(200));
  };
  const killBackend = async () => {
    for (let tries = 0; tries < 100; tries += 1) {
      if (await postgres.killBackend('vault_ingest')) {
        meet();
        return;
      }
    }
  };
  return {
    next: () => {
      if (!now.isStorm || isUnderWay || now.round < nextRound) return;
      isUnderWay = true;
      const happens = fault === 'Postgres killed' ? killAll() : killBackend();
      crash = happens.finally(() => {
        isUnderWay = false;
      });
    },
    isUnderWay: () => isUnderWay,
    ended: () => crash,
  };
}
