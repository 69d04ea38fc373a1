import { IngestNotPaused, LoginsLocked, OtherNextKey } from '../errors.ts';

/** What a rotation has reached. */
export interface RotationState {
  /** The generation of all tokens now. */
  generation: number;
  /** Null if none is under way. */
  phase: 'mapping' | 'aborting' | 'swapped' | null;
  begunAt: Date | null;
  swappedAt: Date | null;
  /** Ingest was paused for it, and not yet let go on. */
  isPaused: boolean;
  /** Entries of the map. */
  mapped: number;
  /** The ARN of the token key that all tokens are of now; null if it is not known, as of generation 1. */
  key: string | null;
  /** The ARN of the key that values are named under; null if none is, or if release 0.3.0 began it. */
  nextKey: string | null;
}

/** What the swap did. */
export interface SwapCounts {
  from: number;
  to: number;
  /** Values of the vault under their next names. */
  mapped: number;
  /** Those of them whose seal did not open, before as after. */
  broken: number;
  /** Erased or expired values, with random names. */
  carried: number;
  /** Tokens of user_logins that the vault never held, with random names. */
  unheld: number;
  /** Logins with a token of the next generation, which nobody can have made yet: it got a random name. */
  early: number;
  /** Rows of user_logins. */
  rewritten: number;
  /** For each column, a digest of the sizes of its groups of equal tokens: the same before and after. */
  groups: string[];
  seconds: number;
}

/** Sessions that have user_logins locked. */
export interface Blocked {
  blockers: { pid: number; user: string; since: string | null }[];
}

/** Why nothing was swapped: values have to be mapped before, or user_logins is locked. */
export type NotSwapped = { unmapped: number } | Blocked;

/** What `rotate` works with. */
export interface RotateDeps {
  state: () => Promise<RotationState>;
  /** The ARN of the next token key, which values are named under. */
  nextKey: string;
  begin: () => Promise<void>;
  /** Maps all pages of the vault, while it is in use. */
  mapPages: () => Promise<void>;
  /** Maps what came meanwhile; returns how many values. */
  mapRest: () => Promise<number>;
  /** Notes that ingest is paused, and pauses it: returns once no batch is under way. */
  pause: () => Promise<void>;
  /** Lets ingest go on, and notes that. */
  resume: () => Promise<void>;
  /** Replaces all tokens at once; null if it is done. */
  swap: () => Promise<SwapCounts | NotSwapped | null>;
  /** Deletes the vault's rows under former tokens. */
  sweep: () => Promise<void>;
  isCancelled: () => boolean;
  now: () => number;
}

/** What a run of `rotate` did; `swapped` is null if the swap has happened in an earlier run, or not yet. */
export interface RotateReport {
  swapped: SwapCounts | null;
  pausedSeconds: number | null;
  isDone: boolean;
}

/**
 * Replaces the token key, from wherever an earlier run has stopped: maps, pauses ingest, swaps, and
 * sweeps. May be killed anywhere and run again. Throws `OtherNextKey` before it maps under another key
 * than an earlier run, `IngestNotPaused`, `LoginsLocked`, and what its parts throw; then ingest goes on, unless even that failed.
 */
export async function rotate(deps: RotateDeps): Promise<RotateReport> {
  const { phase, isPaused, nextKey } = await deps.state();
  const report: RotateReport = { swapped: null, pausedSeconds: null, isDone: false };
  if (phase !== 'swapped') {
    // equal values would have different tokens
    if (phase !== null && nextKey !== deps.nextKey) throw new OtherNextKey(nextKey, deps.nextKey);
    if (phase === null) await deps.begin();
    if (!isPaused) {
      await deps.mapPages();
      if (!deps.isCancelled()) await deps.mapRest();
    }
    if (deps.isCancelled()) {
      if (isPaused) await deps.resume();
      return report;
    }
    const started = deps.now();
    try {
      await deps.pause();
      report.swapped = await swapAll(deps);
    } finally {
      await deps.resume();
    }
    report.pausedSeconds = (deps.now() - started) / 1000;
    if (deps.isCancelled() && (await deps.state()).phase !== 'swapped') return report;
  } else if (isPaused) await deps.resume();
  await deps.sweep();
  report.isDone = !deps.isCancelled();
  return report;
}

const mostRounds = 10;

/** Swaps, after the rest is mapped. Throws `IngestNotPaused` if more keeps coming, and `LoginsLocked`. */
async function swapAll(deps: RotateDeps): Promise<SwapCounts | null> {
  for (let round = 1; !deps.isCancelled(); round += 1) {
    await deps.mapRest();
    const swapped = await deps.swap();
    if (swapped !== null && 'blockers' in swapped) throw new LoginsLocked(swapped.blockers);
    if (swapped === null || !('unmapped' in swapped)) return swapped;
    if (round === mostRounds) throw new IngestNotPaused(swapped.unmapped);
  }
  return null;
}
