import type { Pool } from 'pg';

import { repeatable, withoutParameters } from './query.ts';

const answerTimeoutMs = 3_000;

/**
 * Asks whether the database answers, once more on a new connection if the old one was lost, as happens
 * while Lambda freezes a container. Throws `DatabaseError`.
 */
export async function askDatabase(pool: Pool): Promise<void> {
  const question = { text: 'select 1', query_timeout: answerTimeoutMs };
  await repeatable(() => withoutParameters(() => pool.query(question)));
}
