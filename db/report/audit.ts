import { sql } from 'drizzle-orm';

import { DatabaseError } from '../../lib/errors.ts';
import { type Connection, run, statement } from '../query.ts';
import type { RowOf } from './columns.ts';
import { auditCheckpoints, dataKeys, revealAudit } from '../schema.ts';

/** How many tokens somebody asked for on a day (YYYY-MM-DD); `null` stands for all who asked for fewer. */
export interface PersonDay {
  day: string;
  principal: string | null;
  tokens: number;
}

/** How many tokens were asked for, and how many of them were found. */
export interface ActionCount {
  action: string;
  source: string;
  tokens: number;
  people: number;
}

/** How far the audit goes, and how far it was verified. */
export interface AuditState {
  id: number;
  hash: string;
  lastAt: string | null;
  verifiedId: number | null;
  verifiedAt: string | null;
}

/** The data keys under one KMS key. */
export interface KeyCount {
  kmsKeyArn: string;
  keys: number;
  oldest: string;
  newest: string;
}

// rows from before the table had checks may hold texts of any length
const principal = sql`case when octet_length(principal) <= 2048 then principal else '(too long)' end`;

const peopleStatement = statement<RowOf<PersonDay>>(
  'report_people',
  sql`
  with counted as materialized (
    select (at at time zone 'UTC')::date as day, ${principal} as principal, count(*) as tokens
    from ${revealAudit} where action = 'reveal' and isfinite(at) group by 1, 2
  ), common as (
    select principal from counted group by 1 order by sum(tokens) desc, 1 limit ${sql.placeholder('people')}
  )
  select to_char(day, 'YYYY-MM-DD') as day, common.principal, sum(tokens)::float8 as tokens
  from counted left join common using (principal)
  where day > (select max(day) from counted) - ${sql.placeholder('days')}::integer
  group by 1, 2
  order by 1, common.principal is null, sum(sum(tokens)) over (partition by common.principal) desc, 2
`,
);

/**
 * Tokens asked to be revealed on each day that has any, of the `days` days up to the newest one, by the `people` who
 * asked for most. Throws `DatabaseError`.
 */
export function readPeople(
  connection: Connection,
  { days, people }: { days: number; people: number },
): Promise<PersonDay[]> {
  return run(connection, peopleStatement, { days, people });
}

const actionsStatement = statement<RowOf<ActionCount>>(
  'report_actions',
  sql`
  select action::text, principal_source::text as source, 
    count(token)
      + coalesce(sum(substring(detail from '"values" ?: ?([0-9]{1,9})\\D')::float8)
        filter (where action::text in ('expire', 'networks')), 0) as tokens,
    count(distinct ${principal})::float8 as people
  from ${revealAudit} group by 1, 2 order by 1, 2
`,
);

/**
 * What was asked for, or done by the vault itself, by action and by how the caller is known: how many tokens,
 * or values that expired or were opened without naming them. Throws `DatabaseError`.
 */
export function readActions(connection: Connection): Promise<ActionCount[]> {
  return run(connection, actionsStatement);
}

const stateStatement = statement<RowOf<AuditState>>(
  'report_audit_state',
  sql`
  select
    head.id::float8 as id, encode(substring(head.hash for 33), 'hex') as hash,
    (select to_char(at, 'YYYY-MM-DD HH24:MI') from ${revealAudit} as last where last.id = head.id) as "lastAt",
    checkpoint.id::float8 as "verifiedId", to_char(checkpoint.verified_at, 'YYYY-MM-DD HH24:MI') as "verifiedAt"
  from vault.audit_chain_head() as head
  left join (select * from ${auditCheckpoints} order by id desc limit 1) as checkpoint on true
`,
);

/** How far the audit goes and was verified; times are in UTC. Throws `DatabaseError`. */
export async function readAuditState(connection: Connection): Promise<AuditState> {
  const [state] = await run(connection, stateStatement);
  if (state === undefined) throw new DatabaseError(null);
  return state;
}

const mayReadKeysStatement = statement<{ may: boolean }>(
  'report_may_read_keys',
  sql`
  select has_column_privilege('vault.data_keys', 'created_at', 'select')
    and has_column_privilege('vault.data_keys', 'kms_key_arn', 'select') as may
`,
);

const keysStatement = statement<RowOf<KeyCount>>(
  'report_keys',
  sql`
  select
    case when octet_length(kms_key_arn) <= 2048 then kms_key_arn else '(too long)' end as "kmsKeyArn", count(*)::float8 as keys,
    to_char(min(created_at), 'YYYY-MM-DD') as oldest, to_char(max(created_at), 'YYYY-MM-DD') as newest
  from ${dataKeys} group by 1 order by newest desc, 1 limit 20
`,
);

/** The data keys by KMS key; null where this role may not read them. Throws `DatabaseError`. */
export async function readKeys(connection: Connection): Promise<KeyCount[] | null> {
  const [right] = await run(connection, mayReadKeysStatement);
  if (right?.may !== true) return null;
  return run(connection, keysStatement);
}

const byDayStatement = statement<{ day: string; count: string }>(
  'count_reveals_by_day',
  sql`
  select to_char(at at time zone 'UTC', 'YYYY-MM-DD') as day, count(*) as count
  from ${revealAudit}
  where action = 'reveal' and outcome = 'revealed'
    and at >= ((now() at time zone 'UTC')::date - ${sql.placeholder('days')}::integer)::timestamp at time zone 'UTC'
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
