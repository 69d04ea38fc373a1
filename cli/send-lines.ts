import type { Readable } from 'node:stream';

import { sendMessages } from '../lib/sqs.ts';
import { awsProblem } from './aws.ts';
import { parallelRequests, type SqsClient } from './dead-letter-queue.ts';
import { readBatches } from './lines.ts';
import { showProgress } from './progress.ts';
import { fileProblem, UserError } from './user-error.ts';

/** What became of the lines of a text that were sent to a queue. */
export interface Sending {
  sent: number;
  /** The numbers of the lines that SQS did not take, in order. */
  refused: number[];
  /** Why a request failed as a whole, the last time that one did. */
  problem: string | null;
  /** The last line that was read: all up to it were sent, or are among `refused`. */
  last: number;
}

const maxVainBatches = 3;

/**
 * Sends each line, from line `from` on, as a message of its own, as fast as SQS takes them. Stops
 * when the signal is aborted, and when nothing can be sent. Throws `UserError`.
 */
export async function sendLines(
  client: SqsClient,
  queueUrl: string,
  input: Readable,
  from: number,
  signal: AbortSignal,
): Promise<Sending> {
  const sending: Sending = { sent: 0, refused: [], problem: null, last: from - 1 };
  const progress = showProgress('Sending messages', null);
  let vainBatches = 0;
  const isOver = () => signal.aborted || (sending.sent === 0 && vainBatches >= maxVainBatches);

  const batches = readBatches(input, from);
  const sender = async () => {
    for await (const batch of batches) {
      sending.last = Math.max(sending.last, batch.at(-1)!.number);
      const messages = batch.map(({ text }) => ({ body: text }));
      const failed = await sendMessages(client, queueUrl, messages, (error) => {
        sending.problem = awsProblem(error);
      });
      sending.refused.push(...failed.map((index) => batch[index]!.number));
      sending.sent += batch.length - failed.length;
      if (failed.length === batch.length) vainBatches += 1;
      progress.update(sending.sent + sending.refused.length);
      if (isOver()) return;
    }
  };
  try {
    await Promise.all(Array.from({ length: parallelRequests }, sender));
  } catch (error) {
    // what is being read ends with the interruption; nothing else than reading throws
    if (!signal.aborted) throw new UserError(`The lines cannot be read: ${problemOf(error)}.`);
  } finally {
    progress.end();
  }
  sending.refused.sort((a, b) => a - b);
  return sending;
}

// only the messages of system calls are known not to quote what was read
function problemOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'syscall' in error ? fileProblem(error) : error.name;
}
