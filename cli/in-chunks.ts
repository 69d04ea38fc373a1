import { setTimeout as sleep } from 'node:timers/promises';

import { QuotaExceeded, VaultCallError } from '../client/errors.ts';
import { maxPerRequest } from '../lib/requests/request.ts';
import { showProgress } from './progress.ts';
import { clockTime } from './vault.ts';

/** How many keys are asked for. */
export interface ChunkOptions {
  title: string;
  signal: AbortSignal;
  /** Waits for an hourly limit to leave room again, and goes on then. */
  wait: boolean;
  /** The most keys of one request; 100 by default. */
  most?: number;
  /** A limit that an earlier run has reached, and that leaves no room yet. */
  reached?: QuotaExceeded | null;
}

/**
 * Calls `ask` with `most` keys at a time; where an hourly limit has less room, with as many as it
 * leaves. Returns the error that ended it early; null where all keys were asked for, or at an
 * interruption.
 */
export async function inChunks(
  keys: readonly string[],
  ask: (chunk: string[]) => Promise<void>,
  { title, signal, wait, reached: before = null, most = maxPerRequest }: ChunkOptions,
): Promise<VaultCallError | null> {
  const progress = showProgress(title, keys.length);
  let done = 0;
  let waitedAt = -1;
  let reached = before;
  let size = reached === null ? most : 0;
  try {
    while (done < keys.length && !signal.aborted) {
      if (size === 0 && reached !== null) {
        // a limit that leaves no room at the time it named would be asked again and again
        if (!wait || reached.retryAt === null || waitedAt === done) return reached;
        waitedAt = done;
        progress.end();
        await waitUntil(reached.retryAt, signal);
        [size, reached] = [most, null];
        continue;
      }
      const chunk = keys.slice(done, done + size);
      try {
        await ask(chunk);
        done += chunk.length;
        progress.update(done);
        if (reached?.retryAt) {
          reached = usedUp(reached.limit, reached.retryAt);
          size = 0;
        }
      } catch (error) {
        if (!(error instanceof VaultCallError)) throw error;
        if (!(error instanceof QuotaExceeded)) return error;
        const less = Math.floor(chunk.length / 2);
        if (error.retryAt === null) {
          // the limit itself is smaller than the request
          if (less === 0) return error;
          size = Math.min(error.remaining || less, less);
        } else {
          size = Math.min(error.remaining ?? 0, chunk.length - 1);
          reached = size === 0 ? usedUp(error.limit, error.retryAt) : error;
        }
      }
    }
  } finally {
    progress.end();
  }
  return null;
}

/** A limit that now leaves no room. */
export function usedUp(limit: 'quota' | 'cap', until: Date): QuotaExceeded {
  const what = limit === 'quota' ? 'your hourly quota' : 'the hourly cap of all callers together';
  const message = `${what} is used up: there is room again after ${clockTime(until)}`;
  return new QuotaExceeded(message, limit, until, 0);
}

/** Says so and waits; ends early at an interruption. */
async function waitUntil(time: Date, signal: AbortSignal): Promise<void> {
  const ms = Math.max(0, time.getTime() - Date.now());
  if (ms > 0) console.error(`An hourly limit is used up: waiting until ${clockTime(time)}.`);
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
