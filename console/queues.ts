import { type AwsConfig, fromAws } from '../cli/aws.ts';
import { deadLetterQueue, parallelRequests } from '../cli/dead-letter-queue.ts';
import type { Stage } from '../cli/stage.ts';
import { redrive } from '../lib/operations/redrive.ts';
import { createSqsClient, queueDepth, sendMessages } from '../lib/sqs.ts';
import type { ConsoleVault, Redriven } from './vault.ts';

type Queues = Awaited<ReturnType<Stage['queues']>>;

const titles = { login: 'The login queue', deadLetter: 'The dead-letter queue' } as const;

/** About how many messages a queue holds. Throws `UserError`. */
export async function depthOf(
  aws: AwsConfig,
  queues: Queues,
  name: keyof typeof titles,
): Promise<number> {
  const client = createSqsClient(aws);
  try {
    return await fromAws(titles[name], queueDepth(client, queues[name]));
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
    return await fromAws(titles.deadLetter, redriven);
  } finally {
    client.destroy();
  }
}
