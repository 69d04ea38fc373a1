import type { Prng } from '../../scripts/local/prng.ts';
import { KeyServiceError } from '../../lib/errors.ts';
import { createShuffled } from './shuffled.ts';
import type { Now } from './now.ts';
import type { Tally } from './tally.ts';

/** What KMS does for a while. */
export const kmsFaults = [
  'ThrottlingException',
  'DisabledException',
  'ECONNRESET',
  'latency',
] as const;

type KmsFault = (typeof kmsFaults)[number];

/** KMS between its callers and the double: throttles, is disabled, hangs up or is slow. */
export interface FlakyKms {
  /** Changes, when its round has come. */
  change: () => void;
  /** No call fails any more. */
  clear: () => void;
  /** Makes a call, which may fail or be slow. Throws `KeyServiceError`. */
  run: <T>(call: () => Promise<T>) => Promise<T>;
}

interface Deps {
  prng: Prng;
  now: Readonly<Now>;
  tally: Tally;
}

const fairShare = 0.6;

export function createFlakyKms({ prng, now, tally }: Deps): FlakyKms {
  const nextFault = createShuffled(prng, kmsFaults);
  let current: KmsFault | null = null;
  let until = 0;
  return {
    change: () => {
      if (now.round < until) return;
      const isFair = !now.isStorm || prng.fraction() < fairShare;
      current = isFair ? null : nextFault();
      until = now.round + 1 + prng.below(3);
    },
    clear: () => {
      current = null;
    },
    run: async (call) => {
      const fault = current;
      // KMS throttles some calls, and a broken network lets some through
      const isSpared = fault !== 'DisabledException' && prng.fraction() < 0.3;
      if (fault === null || isSpared) return call();
      tally.met(fault);
      if (fault === 'latency') {
        await new Promise((resolve) => setTimeout(resolve, 5 + prng.below(60)));
        return call();
      }
      throw new KeyServiceError(fault === 'ECONNRESET' ? null : fault);
    },
  };
}
