import type { Dice } from '../../scripts/local/dice.ts';
import { KeyServiceError } from '../../lib/errors.ts';

/** What KMS does for a while. */
export const kmsFaults = [
  'ThrottlingException',
  'DisabledException',
  'ECONNRESET',
  'latency',
] as const;

export type KmsFault = (typeof kmsFaults)[number];

/** KMS between its callers and the double: throttles, is disabled, hangs up or is slow. */
export interface Weather {
  change: (to: KmsFault | null) => void;
  /** Makes a call through the weather. Throws `KeyServiceError`. */
  through: <T>(call: () => Promise<T>) => Promise<T>;
}

export function createWeather(dice: Dice, met: (fault: KmsFault) => void): Weather {
  let now: KmsFault | null = null;
  return {
    change: (to) => {
      now = to;
    },
    through: async (call) => {
      const fault = now;
      // KMS throttles some calls, and a broken network lets some through
      const isSpared = fault !== 'DisabledException' && dice.fraction() < 0.3;
      if (fault === null || isSpared) return call();
      met(fault);
      if (fault === 'latency') {
        await new Promise((resolve) => setTimeout(resolve, 5 + dice.below(60)));
        return call();
      }
      throw new KeyServiceError(fault === 'ECONNRESET' ? null : fault);
    },
  };
}
