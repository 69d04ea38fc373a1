import { sql } from 'drizzle-orm';
import type { Pool } from 'pg';

import type { AuditContext, AuditHead, AuditOutcome } from '../lib/audit/entry.ts';
import { DatabaseError } from '../lib/errors.ts';
import type { RecordedReveal } from '../lib/requests/reveal.ts';
import { appendAudit, lockAuditChain } from './append-audit.ts';
import { type Connection, run, statement, transaction } from './query.ts';
import { erasedTokens, heldTokens } from './read-sealed.ts';

const allowanceStatement = statement<{ allowed: boolean; retry_at: Date | null }>(
  'reveal_allowance',
  sql`
  select allowed, retry_at from vault.reveal_allowance(
    ${sql.placeholder('source')}::vault.principal_source, ${sql.placeholder('principal')}::text,
    ${sql.placeholder('quota')}::integer, ${sql.placeholder('wanted')}::integer
  )
`,
);

/**
 * Decides what may be revealed and commits one audit row a token. Under the chain's lock, so
 * that parallel requests share one quota and nothing is revealed once its erase has committed.
 * The whole request counts against the quota: a denial does not tell which tokens are held.
 * Throws `DatabaseError`: nothing is recorded then, unless the answer to the commit was lost.
 */
export async function recordReveal(
  pool: Pool,
  context: AuditContext,
  tokens: readonly string[],
  opened: ReadonlySet<string>,
  quota: number,
): Promise<RecordedReveal> {
  return transaction(pool, async (connection) => {
    await lockAuditChain(connection);
    const [allowance] = await run(connection, allowanceStatement, {
      source: context.principal.source,
      principal: context.principal.id,
      quota,
      wanted: tokens.length,
    });
    if (allowance === undefined) throw new DatabaseError(null);

    const outcomes = allowance.allowed
      ? await outcomesOf(connection, tokens, opened)
      : new Map(tokens.map((token): [string, AuditOutcome] => [token, 'denied']));
    const head = await appendAudit(connection, context, outcomes);
    return {
      outcomes,
      denied: allowance.allowed ? null : { retryAt: allowance.retry_at },
      head,
    };
  });
}

async function outcomesOf(
  connection: Connection,
  tokens: readonly string[],
  opened: ReadonlySet<string>,
): Promise<Map<string, AuditOutcome>> {
  const held = await heldTokens(connection, tokens);
  const erased = await erasedTokens(connection, tokens);
  return new Map(
    tokens.map((token) => {
      if (opened.has(token) && held.has(token)) return [token, 'revealed'];
      return [token, erased.has(token) ? 'erased' : 'unknown'];
    }),
  );
}

/** Commits one audit row a token with the outcomes as given. Throws `DatabaseError`. */
export async function recordOutcomes(
  pool: Pool,
  context: AuditContext,
  outcomes: ReadonlyMap<string, AuditOutcome>,
): Promise<AuditHead> {
  return transaction(pool, (connection) => appendAudit(connection, context, outcomes));
}
