import { asVaultError, type VaultError } from '../errors.ts';
import type { Log } from '../log.ts';

/** Whether a batch can be worked on. */
export interface Readiness {
  /** Null if the database and KMS answer; otherwise why not. */
  fault: () => Promise<VaultError | null>;
  /** Has the next batch ask, because something failed meanwhile. */
  doubt: () => void;
}

const rememberedMs = 5_000;

/**
 * Asks by each of `questions`, which throw if there is no answer, and keeps the result for five
 * seconds: a busy container asks rarely, and one whose database is away fails its batches at once. The
 * log has one line when the answers end, and one when they are back. `now` is in milliseconds.
 */
export function createReadiness(
  questions: readonly (() => Promise<unknown>)[],
  log: Log,
  now: () => number = Date.now,
): Readiness {
  let known: { fault: VaultError | null; at: number } | null = null;
  let isAway = false;

  const ask = async (): Promise<VaultError | null> => {
    try {
      for (const question of questions) await question();
      return null;
    } catch (error) {
      return asVaultError(error);
    }
  };
  return {
    fault: async () => {
      if (known !== null && now() - known.at < rememberedMs) return known.fault;
      const fault = await ask();
      known = { fault, at: now() };
      if (fault !== null && !isAway) log.error('vault unavailable', fault);
      if (fault === null && isAway) log.info('vault available again');
      isAway = fault !== null;
      return fault;
    },
    doubt: () => {
      known = null;
    },
  };
}
