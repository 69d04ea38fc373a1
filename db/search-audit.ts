import { sql } from 'drizzle-orm';

import type { AuditAction } from '../lib/audit/entry.ts';
import { type Connection, run, statement } from './query.ts';
import { revealAudit } from './schema.ts';

/** Which rows of the audit are meant; null means all. */
export interface AuditSearch {
  token: string | null;
  /** Any part of the principal, in any case. */
  person: string | null;
  action: AuditAction | null;
  requestId: string | null;
  /** The first day and the day after the last one, UTC, YYYY-MM-DD. */
  from: string | null;
  until: string | null;
}

/** A row of the audit, for people. */
export interface AuditEntry {
  id: number;
  /** ISO 8601, microseconds, UTC. */
  at: string;
  action: string;
  principal: string;
  source: string;
  reason: string;
  /** Null in the row of an event, whose `detail` says what it is about. */
  token: string | null;
  outcome: string;
  detail: string | null;
  requestId: string;
}

const rowsPerPage = 1_000;
const p = sql.placeholder;

// a row from before the table had checks can hold anything: no more than this of a column is read
const searchStatement = statement<{
  id: string;
  at: string;
  action: string;
  principal: string;
  source: string;
  reason: string;
  token: string | null;
  outcome: string;
  detail: string | null;
  request_id: string;
}>(
  'search_audit',
  sql`
  select id, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at,
    action::text as action, left(principal, 2048) as principal, principal_source::text as source,
    left(reason, 500) as reason, left(token, 256) as token, left(outcome, 64) as outcome,
    left(detail, 1024) as detail,
    left(request_id, 128) as request_id
  from ${revealAudit}
  where id > ${p('after')}::bigint
    and (${p('token')}::text is null or token = ${p('token')}::text)
    and (${p('person')}::text is null or strpos(lower(principal), lower(${p('person')}::text)) > 0)
    and (${p('action')}::text is null or action::text = ${p('action')}::text)
    and (${p('requestId')}::text is null or request_id = ${p('requestId')}::text)
    and (${p('from')}::text is null or at >= ${p('from')}::text::timestamp at time zone 'UTC')
    and (${p('until')}::text is null or at < ${p('until')}::text::timestamp at time zone 'UTC')
  order by id
  limit ${p('limit')}::integer
`,
);

/** The rows that are meant, in the order of the chain, a page in memory at a time. Throws `DatabaseError`. */
export async function* searchAudit(
  connection: Connection,
  search: AuditSearch,
): AsyncGenerator<AuditEntry> {
  let after = '0';
  for (;;) {
    const page = await run(connection, searchStatement, { ...search, after, limit: rowsPerPage });
    for (const { id, request_id: requestId, ...row } of page) {
      after = id;
      yield { id: Number(id), ...row, requestId };
    }
    if (page.length < rowsPerPage) return;
  }
}
