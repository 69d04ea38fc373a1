import { setTimeout as sleep } from 'node:timers/promises';

import { reasonOf } from '../../lib/operations/dead-letters.ts';
import { queueDepth } from '../../lib/sqs.ts';
import { peekDeadLetters } from '../../cli/dead-letter-queue.ts';
import { UserError } from '../../cli/user-error.ts';
import type { Queues, SqsClient } from './queues.ts';

/** How the dead-letter queue stood before the messages were sent. */
export interface Baseline {
  at: Date;
  deadLetters: number;
}

/** What became of messages that SQS took. */
export interface Outcome {
  stored: number;
  rejected: readonly Rejection[];
}

/** A message that went to the dead-letter queue. */
export interface Rejection {
  body: string;
  reason: string;
}

// SQS's counts are approximate: an empty queue has to stay empty for a while
const settledMs = 2_000;
const maxStandstillMs = 90_000;

/** Notes how the dead-letter queue stands now. */
export async function takeBaseline(client: SqsClient, queues: Queues): Promise<Baseline> {
  return { at: new Date(), deadLetters: await queueDepth(client, queues.deadLetter) };
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

    const accounted = stored + deadLetters - before.deadLetters;
    const standstillMs = Date.now() - changedAt;
    if (left === 0 && (accounted >= taken || standstillMs > settledMs)) {
      return { stored, rejected: await rejectedSince(client, queues, before) };
    }
    if (standstillMs > maxStandstillMs) {
      throw new UserError(
        `${left} messages stay in the queue, and no more are stored. Why is in .local/log/emulator.log`,
      );
    }
    await sleep(50);
  }
}

async function rejectedSince(
  client: SqsClient,
  queues: Queues,
  before: Baseline,
): Promise<Rejection[]> {
  const letters = await peekDeadLetters(client, queues.deadLetter);
  return letters
    .filter(({ sentAt }) => sentAt >= before.at)
    .map((letter) => ({ body: letter.body, reason: reasonOf(letter) }));
}
