import { type SQL, sql } from 'drizzle-orm';

import type { AuditAction } from '../lib/audit/entry.ts';
import { type Connection, run, statement } from './query.ts';
import { revealAudit } from './schema.ts';

/** Which rows of the audit are meant; null means all. */
export interface AuditSearch {
  token: string | null;
  /** Any part of the principal, in any case. */
  person: string | null;
  /** Any part of the principal, the reason, the request id, the token or the detail, in any case. */
  text: string | null;
  action: AuditAction | null;
  requestId: string | null;
  /** The first day and the day after the last one, UTC, YYYY-MM-DD. */
  from: string | null;
  until: string | null;
}

/** All rows of the audit. */
export const allRows: AuditSearch = {
  token: null,
  person: null,
  text: null,
  action: null,
  requestId: null,
  from: null,
  until: null,
};

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

type EntryRow = Omit<AuditEntry, 'id' | 'requestId'> & { id: string; request_id: string };

const rowsPerPage = 1_000;
const p = sql.placeholder;

const hasText = (column: SQL, text: 'person' | 'text') =>
  sql`strpos(lower(${column}), lower(${p(text)}::text)) > 0`;

// a row from before the table had checks can hold anything: no more than this of a column is read
const entriesStatement = (name: string, place: SQL, order: SQL) =>
  statement<EntryRow>(
    name,
    sql`
  select id, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at,
    action::text as action, left(principal, 2048) as principal, principal_source::text as source,
    left(reason, 500) as reason, left(token, 256) as token, left(outcome, 64) as outcome,
    left(detail, 1024) as detail, left(request_id, 128) as request_id
  from ${revealAudit}
  where ${place}
    and (${p('token')}::text is null or token = ${p('token')}::text)
    and (${p('person')}::text is null or ${hasText(sql`principal`, 'person')})
    and (
      ${p('text')}::text is null or ${hasText(sql`principal`, 'text')} or ${hasText(sql`reason`, 'text')}
      or ${hasText(sql`request_id`, 'text')} or ${hasText(sql`token`, 'text')} or ${hasText(sql`detail`, 'text')}
    )
    and (${p('action')}::text is null or action::text = ${p('action')}::text)
    and (${p('requestId')}::text is null or request_id = ${p('requestId')}::text)
    and (${p('from')}::text is null or at >= ${p('from')}::text::timestamp at time zone 'UTC')
    and (${p('until')}::text is null or at < ${p('until')}::text::timestamp at time zone 'UTC')
  order by ${order}
  limit ${p('limit')}::integer
`,
  );

function entryOf({ id, request_id: requestId, ...row }: EntryRow): AuditEntry {
  return { id: Number(id), ...row, requestId };
}

const oldestStatement = entriesStatement('oldest_audit', sql`id > ${p('after')}::bigint`, sql`id`);

/** The rows that are meant, in the order of the chain, a page in memory at a time. Throws `DatabaseError`. */
export async function* searchAudit(
  connection: Connection,
  search: AuditSearch,
): AsyncGenerator<AuditEntry> {
  let after = '0';
  for (;;) {
    const page = await run(connection, oldestStatement, { ...search, after, limit: rowsPerPage });
    for (const row of page) {
      after = row.id;
      yield entryOf(row);
    }
    if (page.length < rowsPerPage) return;
  }
}

const newestStatement = entriesStatement(
  'newest_audit',
  sql`(${p('before')}::bigint is null or id < ${p('before')}::bigint)`,
  sql`id desc`,
);

/**
 * The newest `limit` rows that are meant, newest first; only those older than the row `before`, if it
 * is not null. Throws `DatabaseError`.
 */
export async function findNewestAudit(
  connection: Connection,
  search: AuditSearch,
  before: number | null,
  limit: number,
): Promise<AuditEntry[]> {
  const rows = await run(connection, newestStatement, { ...search, before, limit });
  return rows.map(entryOf);
}
