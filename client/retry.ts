import { setTimeout as sleep } from 'node:timers/promises';

/** How often and how soon a call is tried again. */
export interface RetryOptions {
  /** Calls in all, the first one included. */
  attempts: number;
  /** The longest wait before the second attempt; it doubles with each further one. */
  baseDelayMs: number;
}

/** Calls until it succeeds, fails in a way that may not be repeated, or was tried often enough. */
export async function retrying<T>(
  { attempts, baseDelayMs }: RetryOptions,
  mayRepeat: (error: unknown) => boolean,
  call: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      if (attempt >= attempts || !mayRepeat(error)) throw error;
    }
    // a random part of the delay, so that many callers do not come back at once
    await sleep(Math.random() * baseDelayMs * 2 ** (attempt - 1));
  }
}
