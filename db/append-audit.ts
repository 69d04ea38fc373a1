import { sql } from 'drizzle-orm';

import type { AuditContext, AuditHead, AuditOutcome } from '../lib/audit/entry.ts';
import { DatabaseError } from '../lib/errors.ts';
import { type Connection, run, statement } from './query.ts';
import { revealAudit } from './schema.ts';

const p = sql.placeholder;

const lockChainStatement = statement('lock_audit_chain', sql`select vault.lock_audit_chain()`);

/**
 * Waits until no other transaction is appending, and keeps others from it until this one ends:
 * what is decided after this call still holds when it is recorded. Throws `DatabaseError`.
 */
export async function lockAuditChain(connection: Connection): Promise<void> {
  await run(connection, lockChainStatement);
}

// id, at and the hashes are the trigger's to set
const appendStatement = statement(
  'append_audit',
  sql`
  insert into ${revealAudit}
    (action, request_id, principal, principal_source, reason, token, outcome)
  select
    ${p('action')}::vault.audit_action, ${p('requestId')}::text, ${p('principal')}::text,
    ${p('source')}::vault.principal_source, ${p('reason')}::text, entry.token, entry.outcome
  from unnest(${p('tokens')}::text[], ${p('outcomes')}::text[])
    with ordinality as entry (token, outcome, position)
  order by entry.position
`,
);

const headStatement = statement<{ id: string; hash: Buffer; at: string }>(
  'audit_chain_head',
  sql`
  select id, hash, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at
  from vault.audit_chain_head()
`,
);

/**
 * Appends one row a token, within the caller's transaction. Returns the head of the chain, which
 * is the last of them. Throws `DatabaseError`.
 */
export async function appendAudit(
  connection: Connection,
  context: AuditContext,
  outcomes: ReadonlyMap<string, AuditOutcome>,
): Promise<AuditHead> {
  await run(connection, appendStatement, {
    action: context.action,
    requestId: context.requestId,
    principal: context.principal.id,
    source: context.principal.source,
    reason: context.reason,
    tokens: [...outcomes.keys()],
    outcomes: [...outcomes.values()],
  });
  return readAuditHead(connection);
}

/** The last row of the chain; id 0 while there is none. Throws `DatabaseError`. */
export async function readAuditHead(connection: Connection): Promise<AuditHead> {
  const [head] = await run(connection, headStatement);
  if (head === undefined) throw new DatabaseError(null);
  return { id: Number(head.id), hash: head.hash, at: head.at };
}
