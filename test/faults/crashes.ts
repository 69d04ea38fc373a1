import type { Prng } from '../../scripts/local/prng.ts';
import type { CrashingPostgres } from '../helpers/crashing-postgres.ts';
import { createShuffled } from './shuffled.ts';
import type { Now } from './now.ts';
import type { Tally } from './tally.ts';

/** How Postgres ends: killed, stopped, or one of its processes killed, after which it resets all others. */
export const crashFaults = [
  'Postgres killed',
  'Postgres backend killed',
  'Postgres stopped',
] as const;

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
  let met = 0;
  let crash: Promise<void> = Promise.resolve();
  let isUnderWay = false;

  const meet = () => {
    tally.met(fault);
    fault = nextFault();
    met += 1;
    // each once soon, so that a short storm meets all
    nextRound = now.round + (met < crashFaults.length ? 5 : 1 + prng.below(2 * every));
  };
  const end = async (how: (downMs: number) => Promise<void>) => {
    await new Promise((resolve) => setTimeout(resolve, prng.below(25)));
    meet();
    await how(prng.below(200));
  };
  const killBackend = async () => {
    for (let tries = 0; tries < 100; tries += 1) {
      if (await postgres.killBackend('vault_ingest')) {
        meet();
        return;
      }
    }
  };
  const happen: Record<(typeof crashFaults)[number], () => Promise<void>> = {
    'Postgres killed': () => end(postgres.crash),
    'Postgres stopped': () => end(postgres.restart),
    'Postgres backend killed': killBackend,
  };
  return {
    next: () => {
      if (!now.isStorm || isUnderWay || now.round < nextRound) return;
      isUnderWay = true;
      crash = happen[fault]().finally(() => {
        isUnderWay = false;
      });
    },
    isUnderWay: () => isUnderWay,
    ended: () => crash,
  };
}
