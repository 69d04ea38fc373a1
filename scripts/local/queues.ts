import type { createSqsClient } from '../../lib/sqs.ts';
import { findQueueUrl } from '../../lib/sqs.ts';

export type SqsClient = ReturnType<typeof createSqsClient>;

/** The two queues of the deployed stack. */
export interface Queues {
  login: string;
  deadLetter: string;
}

/** Finds the queues by the names that `infra/queues.yml` gives them. */
export async function findQueues(client: SqsClient): Promise<Queues> {
  const [login, deadLetter] = await Promise.all([
    findQueueUrl(client, 'pii-vault-local-login-queue'),
    findQueueUrl(client, 'pii-vault-local-login-dead-letter-queue'),
  ]);
  return { login, deadLetter };
}
