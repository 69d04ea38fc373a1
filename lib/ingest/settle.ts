import type { IngestDeps } from './deps.ts';
import type { Message } from './message.ts';
import type { Outcome } from './outcome.ts';
import { reject } from './reject.ts';
import { store } from './store.ts';

/** Stores the messages, and puts those aside that can never be stored. */
export async function settle(messages: readonly Message[], deps: IngestDeps): Promise<Outcome> {
  return putAside(await store(messages, deps), deps);
}

/** Sends the rejected messages to the dead-letter queue; those that it does not take are left to SQS. */
export async function putAside(outcome: Outcome, deps: IngestDeps): Promise<Outcome> {
  const unsent = new Set(await reject(outcome.rejections, deps));
  if (unsent.size === 0) return outcome;
  return {
    ...outcome,
    rejections: outcome.rejections.filter((rejection) => !unsent.has(rejection)),
    failed: [...outcome.failed, ...[...unsent].map(({ copy }) => copy.record)],
  };
}
