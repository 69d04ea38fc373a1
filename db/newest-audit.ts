import { sql } from 'drizzle-orm';

import type { AuditAction } from '../lib/audit/entry.ts';
import { type Connection, run, statement } from './query.ts';
import { auditCheckpoints, revealAudit } from './schema.ts';

const p = sql.placeholder;

/** What to look for in the audit; null: whatever it is. */
export interface NewestSearch {
  /** Part of the principal, the reason, the request id or the token, whatever its case. */
  text: string | null;
  action: AuditAction | null;
  /** UTC days, `YYYY-MM-DD`, both included. */
  from: string | null;
  to: string | null;
  /** Only rows older than this id. */
  before: number | null;
}

/** A row of the audit as people read it. */
export interface FoundAuditRow {
  id: number;
  /** UTC, `YYYY-MM-DD HH:MM:SS`. */
  at: string;
  action: string;
  requestId: string;
  principal: string;
  principalSource: string;
  reason: string;
  /** Null in the row of an event, whose `detail` says what it is about. */
  token: string | null;
  outcome: string;
  detail: string | null;
}

interface SearchRow {
  id: string;
  at: string;
  action: string;
  request_id: string;
  principal: string;
  principal_source: string;
  reason: string;
  token: string | null;
  outcome: string;
  detail: string | null;
}

// left(): a row from before the table had checks can hold anything
const newestStatement = statement<SearchRow & Record<string, unknown>>(
  'newest_audit',
  sql`
  select
    id, to_char(at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') as at, action,
    left(request_id, 128) as request_id, left(principal, 2048) as principal, principal_source,
    left(reason, 500) as reason, left(token, 256) as token, left(outcome, 64) as outcome,
    left(detail, 1024) as detail
  from ${revealAudit}
  where (${p('before')}::bigint is null or id < ${p('before')}::bigint)
    and (${p('action')}::text is null or action::text = ${p('action')}::text)
    and (${p('from')}::date is null or at >= ${p('from')}::date::timestamp at time zone 'UTC')
    and (${p('to')}::date is null or at < (${p('to')}::date + 1)::timestamp at time zone 'UTC')
    and (
      ${p('text')}::text is null
      or strpos(lower(principal), lower(${p('text')}::text)) > 0
      or strpos(lower(reason), lower(${p('text')}::text)) > 0
      or strpos(lower(request_id), lower(${p('text')}::text)) > 0
      or strpos(lower(token), lower(${p('text')}::text)) > 0
      or strpos(lower(detail), lower(${p('text')}::text)) > 0
    )
  order by id desc
  limit ${p('limit')}::integer
`,
);

/** The newest `limit` rows of the audit that fit the search, newest first. Throws `DatabaseError`. */
export async function findNewestAudit(
  connection: Connection,
  search: NewestSearch,
  limit: number,
): Promise<FoundAuditRow[]> {
  const rows = await run(connection, newestStatement, { ...search, limit });
  return rows.map((row) => ({
    id: Number(row.id),
    at: row.at,
    action: row.action,
    requestId: row.request_id,
    principal: row.principal,
    principalSource: row.principal_source,
    reason: row.reason,
    token: row.token,
    outcome: row.outcome,
    detail: row.detail,
  }));
}

const byDayStatement = statement<{ day: string; count: string }>(
  'count_reveals_by_day',
  sql`
  select to_char(at at time zone 'UTC', 'YYYY-MM-DD') as day, count(*) as count
  from ${revealAudit}
  where action = 'reveal' and outcome = 'revealed'
    and at >= ((now() at time zone 'UTC')::date - ${p('days')}::integer)::timestamp at time zone 'UTC'
  group by day order by day
`,
);

/** Revealed tokens of each UTC day that has any, of the last `days` days and today. Throws `DatabaseError`. */
export async function countRevealsByDay(
  connection: Connection,
  days: number,
): Promise<Map<string, number>> {
  const rows = await run(connection, byDayStatement, { days });
  return new Map(rows.map(({ day, count }) => [day, Number(count)]));
}

const verifiedStatement = statement<{ at: string }>(
  'read_last_verified',
  sql`
  select to_char(verified_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') as at
  from ${auditCheckpoints} order by id desc limit 1
`,
);

/** When the chain was verified last by `maintain`, in UTC; null when it never was. Throws `DatabaseError`. */
export async function readLastVerified(connection: Connection): Promise<string | null> {
  const [row] = await run(connection, verifiedStatement);
  return row?.at ?? null;
}
