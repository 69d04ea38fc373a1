import { sql } from 'drizzle-orm';

import type { ChainPosition } from '../lib/audit/chain.ts';
import { AuditBroken } from '../lib/errors.ts';
import { type Connection, run, statement } from './query.ts';

const headStatement = statement<{ id: string; hash: Buffer }>(
  'audit_chain_head',
  // 33 bytes show that it is not a hash, without reading all of a long value
  sql`select id, substring(hash for 33) as hash from vault.audit_chain_head()`,
);

/** The last row of the chain; id 0 while there is none. Throws `AuditBroken` where its row is gone; `DatabaseError`. */
export async function readAuditHead(connection: Connection): Promise<ChainPosition> {
  const [head] = await run(connection, headStatement);
  if (head === undefined) throw new AuditBroken([], 'the head of the audit is gone');
  return { id: Number(head.id), hash: head.hash };
}
