import { sql } from 'drizzle-orm';
import type { Pool } from 'pg';

import type { AuditContext, AuditHead, AuditOutcome } from '../lib/audit/entry.ts';
import { appendAudit, lockAuditChain } from './append-audit.ts';
import { run, statement, transaction } from './query.ts';
import { erasedTokens } from './read-sealed.ts';
import { piiVault } from './schema.ts';

const eraseStatement = statement<{ token: string }>(
  'erase_values',
  sql`delete from ${piiVault} where token = any (${sql.placeholder('tokens')}::text[]) returning token`,
);

/**
 * Deletes the sealed values of the tokens and commits, with them, one audit row a token. Under
 * the chain's lock, so that no reveal is recorded as later than an erase it did not know of.
 * Throws `DatabaseError`: nothing is erased then, unless the answer to the commit was lost.
 */
export async function eraseValues(
  pool: Pool,
  context: AuditContext,
  tokens: readonly string[],
): Promise<{ outcomes: ReadonlyMap<string, AuditOutcome>; head: AuditHead }> {
  return transaction(pool, async (connection) => {
    await lockAuditChain(connection);
    const before = await erasedTokens(connection, tokens);
    const deleted = new Set(
      (await run(connection, eraseStatement, { tokens })).map(({ token }) => token),
    );
    const outcomes = new Map(
      tokens.map((token): [string, AuditOutcome] => {
        if (deleted.has(token)) return [token, 'erased'];
        return [token, before.has(token) ? 'already_erased' : 'unknown'];
      }),
    );
    return { outcomes, head: await appendAudit(connection, context, outcomes) };
  });
}
