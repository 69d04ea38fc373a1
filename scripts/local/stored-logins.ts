import { piiFields } from '../../lib/pii-fields.ts';
import type { Reader } from './reader.ts';

/** What this run stored in `public.user_logins`, read as an analyst. */
export interface StoredLogins {
  count(): Promise<number>;
  /** Some of the rows. */
  rows(limit: number): Promise<Record<string, unknown>[]>;
  /** The tokens that most of the rows share, most shared first. */
  repeated(limit: number): Promise<RepeatedToken[]>;
  /** A token of the rows that no login of another user has, one to erase for show; or null. */
  erasable(): Promise<string | null>;
}

export interface RepeatedToken {
  token: string;
  logins: number;
}

const columns = piiFields.map(({ column }) => column);
const tokens = `lateral (values ${columns.map((column) => `(${column})`).join(', ')}) as each (token)`;

/** The logins of these users that are stored from now on: by transactions that are yet to begin. */
export async function loginsFromNow(
  analyst: Reader,
  users: readonly string[],
): Promise<StoredLogins> {
  const [now] = await analyst.query<{ next: string }>(
    'select pg_snapshot_xmax(pg_current_snapshot())::text as next',
  );
  const stored = 'age(xmin) <= age($1::xid8::xid)';
  const parameters = [now?.next, users];
  return {
    async count() {
      const [row] = await analyst.query<{ count: number }>(
        `select count(*)::integer as count from public.user_logins where ${stored}`,
        [now?.next],
      );
      return row?.count ?? 0;
    },
    rows: (limit) =>
      analyst.query(
        `select user_id, device_type, ${columns.join(', ')}, locale, app_version,
           create_date::text as create_date
         from public.user_logins where ${stored} and user_id = any ($2) limit $3`,
        [...parameters, limit],
      ),
    repeated: (limit) =>
      analyst.query(
        `select token, count(*)::integer as logins from public.user_logins, ${tokens}
         where ${stored} and user_id = any ($2) and token is not null
         group by token order by logins desc, token limit $3`,
        [...parameters, limit],
      ),
    async erasable() {
      const [row] = await analyst.query<{ token: string }>(
        `select token from public.user_logins, ${tokens} where token is not null
         group by token having bool_and(user_id = any ($2)) and bool_or(${stored})
         order by count(*), token desc limit 1`,
        parameters,
      );
      return row?.token ?? null;
    },
  };
}

/** The row that the newest request for this token left in the audit, read as an auditor. */
export async function lastAuditRow(
  auditor: Reader,
  token: string,
): Promise<Record<string, unknown> | null> {
  const [row] = await auditor.query<Record<string, unknown>>(
    `select id, to_char(at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC' as at, action,
       principal, principal_source, reason, token, outcome, left(encode(hash, 'hex'), 16) || '…' as hash
     from vault.reveal_audit where token = $1 order by id desc limit 1`,
    [token],
  );
  return row ?? null;
}
