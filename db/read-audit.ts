import { sql } from 'drizzle-orm';

import type { AuditRow, ChainPosition } from '../lib/audit/chain.ts';
import type { StoredAudit } from '../lib/audit/verify-audit.ts';
import { readAuditHead } from './audit-head.ts';
import { type Connection, run, statement } from './query.ts';
import { auditCheckpoints, revealAudit } from './schema.ts';

const rowsPerPage = 1_000;

/** The longest value of each column that the vault writes, in bytes. */
const columns = [
  ['action', 64],
  ['request_id', 128],
  ['principal', 2_048],
  ['principal_source', 64],
  // 500 characters of at most 4 bytes
  ['reason', 2_000],
  ['token', 256],
  ['outcome', 64],
  ['previous_hash', 32],
  ['hash', 32],
  ['detail', 1_024],
] as const;

const mayBeNull: ReadonlySet<string> = new Set(['token', 'detail']);

type Column = (typeof columns)[number][0];

// a row from before the table had checks can hold anything: octet_length() gives the length of a value
// without reading it, and a longer value is not read
const isReadable = (name: Column, bytes: number) => {
  const column = sql.identifier(name);
  const value = name.endsWith('hash') ? sql`${column}` : sql`${column}::text`;
  const ifNull = sql.raw(String(mayBeNull.has(name)));
  return sql`coalesce(octet_length(${value}) <= ${sql.raw(String(bytes))}, ${ifNull})`;
};

const pageStatement = statement<
  { id: string; at: string; unreadable: string | null } & Record<
    Exclude<Column, 'previous_hash' | 'hash' | 'token' | 'detail'>,
    string
  > &
    Record<'token' | 'detail', string | null> &
    Record<'previous_hash' | 'hash', Buffer>
>(
  'read_audit_page',
  sql`
  select
    id,
    case when isfinite(at) then trunc(extract(epoch from at) * 1000000)::text else '' end as at,
    ${sql.join(
      columns.map(([name, bytes]) => {
        const column = sql.identifier(name);
        const value = name.endsWith('hash') ? sql`${column}` : sql`${column}::text`;
        return sql`case when ${isReadable(name, bytes)} then ${value} else '' end as ${column}`;
      }),
      sql`, `,
    )},
    case
      when not coalesce(isfinite(at), false) then 'time'
      ${sql.join(
        columns.map(
          ([name, bytes]) => sql`when not ${isReadable(name, bytes)} then ${sql.raw(`'${name}'`)}`,
        ),
        sql` `,
      )}
    end as unreadable
  from ${revealAudit}
  where id > ${sql.placeholder('after')}::bigint
  order by id
  limit ${sql.placeholder('limit')}::integer
`,
);

const lowestBigint = '-9223372036854775808';

/**
 * The rows of the audit with ids greater than `after`, or all of them, in order, a page in memory at a time: at
 * most 5 MB, whatever the rows hold. Throws `DatabaseError`.
 */
export async function* readAudit(connection: Connection, after?: number): AsyncGenerator<AuditRow> {
  let last = after === undefined ? lowestBigint : String(after);
  for (;;) {
    const page = await run(connection, pageStatement, { after: last, limit: rowsPerPage });
    for (const row of page) {
      last = row.id;
      yield {
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
        previousHash: row.previous_hash,
        hash: row.hash,
        unreadable: row.unreadable,
      };
    }
    if (page.length < rowsPerPage) return;
  }
}

const lowestIdStatement = statement<{ id: string | null }>(
  'read_lowest_audit_id',
  sql`select min(id) as id from ${revealAudit}`,
);

const countStatement = statement<{ count: string }>(
  'count_audit',
  sql`select count(*) as count from ${revealAudit} where id <= ${sql.placeholder('upTo')}::bigint`,
);

/** The audit for `verifyAudit`. */
export function storedAudit(connection: Connection): StoredAudit {
  return {
    read: (after) => readAudit(connection, after),
    readHead: () => readAuditHead(connection),
    readLowestId: async () => {
      const [lowest] = await run(connection, lowestIdStatement);
      return lowest?.id ? Number(lowest.id) : null;
    },
    count: async (upTo) => {
      const [found] = await run(connection, countStatement, { upTo });
      return Number(found?.count);
    },
  };
}

const checkpointStatement = statement<{ id: string; hash: Buffer }>(
  'read_audit_checkpoint',
  // 33 bytes show that it is not a hash, without reading all of a long value
  sql`select id, substring(hash for 33) as hash from ${auditCheckpoints} order by id desc limit 1`,
);

/** The last row that was verified; null if the chain never was. Throws `DatabaseError`. */
export async function readCheckpoint(connection: Connection): Promise<ChainPosition | null> {
  const [row] = await run(connection, checkpointStatement);
  return row === undefined ? null : { id: Number(row.id), hash: row.hash };
}

const addCheckpointStatement = statement(
  'add_audit_checkpoint',
  sql`
  select vault.add_checkpoint(${sql.placeholder('id')}::bigint, ${sql.placeholder('hash')}::bytea)
`,
);

/** Remembers that the chain was verified up to this row. Throws `DatabaseError`. */
export async function addCheckpoint(connection: Connection, head: ChainPosition): Promise<void> {
  await run(connection, addCheckpointStatement, { id: head.id, hash: head.hash });
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
