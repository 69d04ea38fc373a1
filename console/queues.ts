import { type AwsConfig, fromAws } from '../cli/aws.ts';
import { deadLetterQueue, parallelRequests } from '../cli/dead-letter-queue.ts';
import type { Stage } from '../cli/stage.ts';
import { redrive } from '../lib/operations/redrive.ts';
import { createSqsClient, queueDepth, sendMessages } from '../lib/sqs.ts';
import type { ConsoleVault, Redriven } from './vault.ts';

type Queues = Awaited<ReturnType<Stage['queues']>>;

/** About how many messages each queue holds. Throws `UserError`. */
export async function queueDepths(
  aws: AwsConfig,
  queues: Queues,
): ReturnType<ConsoleVault['queueDepths']> {
  const client = createSqsClient(aws);
  try {
    const [login, deadLetter] = await Promise.all([
      fromAws('The login queue', queueDepth(client, queues.login)),
      fromAws('The dead-letter queue', queueDepth(client, queues.deadLetter)),
    ]);
    return { login, deadLetter };
  } finally {
    client.destroy();
  }
}

/** Counts the dead-letter messages by reason, and with `send` sends those. Throws `UserError`. */
export async function redriveQueue(
  aws: AwsConfig,
  queues: Queues,
  { send, reasons }: Parameters<ConsoleVault['redrive']>[0],
): Promise<Redriven> {
  const client = createSqsClient(aws);
  try {
    const redriven = redrive(
      { send, reasons, repair: null, receivers: parallelRequests },
      {
        ...deadLetterQueue(client, queues.deadLetter),
        send: (messages) => sendMessages(client, queues.login, messages),
        now: () => new Date(),
      },
    );
    return await fromAws('The dead-letter queue', redriven);
  } finally {
    client.destroy();
  }
}
