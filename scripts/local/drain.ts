import { setTimeout as sleep } from 'node:timers/promises';

import { reasonOf } from '../../lib/operations/dead-letters.ts';
import { queueDepth } from '../../lib/sqs.ts';
import { peekDeadLetters } from '../../cli/dead-letter-queue.ts';
import { UserError } from '../../cli/user-error.ts';
import type { Queues, SqsClient } from './queues.ts';

/** How the stack stood before the messages were sent. */
export interface Baseline {
  at: Date;
  stored: number;
  deadLetters: number;
}

/** What became of messages that SQS took. */
export interface Outcome {
  stored: number;
  /** How many went to the dead-letter queue, by reason. */
  rejected: ReadonlyMap<string, number>;
}

// SQS's counts are approximate: an empty queue has to stay empty for a while
const settledMs = 2_000;
const longestStandstillMs = 90_000;

/** Notes how the stack stands now. */
export async function takeBaseline(
  client: SqsClient,
  queues: Queues,
  countStored: () => Promise<number>,
): Promise<Baseline> {
  const [stored, deadLetters] = await Promise.all([
    countStored(),
    queueDepth(client, queues.deadLetter),
  ]);
  return { at: new Date(), stored, deadLetters };
}

/**
 * Waits until each of the `taken` messages is stored or a dead letter, or the queue stays empty
 * all the same: the others were duplicates then. Throws `UserError` when nothing moves any more.
 */
export async function drain(
  client: SqsClient,
  queues: Queues,
  taken: number,
  before: Baseline,
  countStored: () => Promise<number>,
): Promise<Outcome> {
  let known = '';
  let changedAt = Date.now();
  for (;;) {
    const [left, stored, deadLetters] = await Promise.all([
      queueDepth(client, queues.login),
      countStored(),
      queueDepth(client, queues.deadLetter),
    ]);
    const now = `${left} ${stored} ${deadLetters}`;
    if (now !== known) changedAt = Date.now();
    known = now;

    const accounted = stored - before.stored + deadLetters - before.deadLetters;
    const standstillMs = Date.now() - changedAt;
    if (left === 0 && (accounted >= taken || standstillMs > settledMs)) {
      return { stored: stored - before.stored, rejected: await reasons(client, queues, before) };
    }
    if (standstillMs > longestStandstillMs) {
      throw new UserError(`${left} messages stay in the queue, and nothing more is stored`);
    }
    await sleep(50);
  }
}

async function reasons(
  client: SqsClient,
  queues: Queues,
  before: Baseline,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const letter of await peekDeadLetters(client, queues.deadLetter)) {
    if (letter.sentAt < before.at) continue;
    const reason = reasonOf(letter);
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  return counts;
}
