import { sql } from 'drizzle-orm';
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';

import type { Attempts } from '../lib/ingest/attempts.ts';
import { uuidArray } from './binary-array.ts';
import { run, statement } from './query.ts';
import { table } from './table-name.ts';

const p = sql.placeholder;
const attempts = table('vault.attempts');

const beginAttemptStatement = statement(
  'begin_attempt',
  sql`insert into ${attempts} (id, message_ids) values (${p('id')}, ${p('messageIds')}::uuid[])`,
);

const endAttemptStatement = statement(
  'end_attempt',
  sql`select vault.end_attempt(${p('id')}::uuid)`,
);

const findUnendedStatement = statement<{ message_id: string; lone: number }>(
  'find_unended_attempts',
  sql`
  select message_id, count(*) filter (where cardinality(message_ids) = 1)::integer as lone
  from ${attempts} cross join unnest(message_ids) as message (message_id)
  where message_id = any (${p('messageIds')}::uuid[]) and begun_at > now() - interval '1 day'
  group by message_id`,
);

const forgetAttemptsStatement = statement(
  'forget_attempts',
  sql`select vault.forget_attempts(${p('messageId')}::uuid)`,
);

/** The attempts of all containers, in the database. Every method throws `DatabaseError`. */
export function createAttempts(pool: Pool): Attempts {
  return {
    begin: async (messageIds) => {
      const id = randomUUID();
      await run(pool, beginAttemptStatement, { id, messageIds: uuidArray(messageIds) });
      return id;
    },
    end: async (id) => {
      await run(pool, endAttemptStatement, { id });
    },
    unended: async (messageIds) => {
      const rows = await run(pool, findUnendedStatement, { messageIds: uuidArray(messageIds) });
      return new Map(rows.map(({ message_id, lone }) => [message_id, lone]));
    },
    forget: async (messageId) => {
      await run(pool, forgetAttemptsStatement, { messageId });
    },
  };
}
