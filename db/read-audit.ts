import { sql } from 'drizzle-orm';

import type { AuditRow, ChainPosition } from '../lib/audit/chain.ts';
import { type Connection, run, statement } from './query.ts';
import { auditCheckpoints, revealAudit } from './schema.ts';

const rowsPerPage = 1_000;

const pageStatement = statement<{
  id: string;
  at: string;
  action: string;
  request_id: string;
  principal: string;
  principal_source: string;
  reason: string;
  token: string;
  outcome: string;
  previous_hash: Buffer;
  hash: Buffer;
}>(
  'read_audit_page',
  sql`
  select
    id, (extract(epoch from at) * 1000000)::bigint::text as at, action, request_id, principal,
    principal_source, reason, token, outcome, previous_hash, hash
  from ${revealAudit}
  where id > ${sql.placeholder('after')}::bigint
  order by id
  limit ${sql.placeholder('limit')}::integer
`,
);

/** The rows of the audit behind id `after`, in order, a page in memory at a time. Throws `DatabaseError`. */
export async function* readAudit(connection: Connection, after = 0): AsyncGenerator<AuditRow> {
  let last = after;
  for (;;) {
    const page = await run(connection, pageStatement, { after: last, limit: rowsPerPage });
    for (const row of page) {
      last = Number(row.id);
      yield {
        id: last,
        at: row.at,
        action: row.action,
        requestId: row.request_id,
        principal: row.principal,
        principalSource: row.principal_source,
        reason: row.reason,
        token: row.token,
        outcome: row.outcome,
        previousHash: row.previous_hash,
        hash: row.hash,
      };
    }
    if (page.length < rowsPerPage) return;
  }
}

const checkpointStatement = statement<{ id: string; hash: Buffer }>(
  'read_audit_checkpoint',
  sql`select id, hash from ${auditCheckpoints} order by id desc limit 1`,
);

/** Up to where the chain was verified last; null when it never was. Throws `DatabaseError`. */
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
