import type { Connection } from '../db/query.ts';
import { allRows, searchAudit } from '../db/search-audit.ts';

/**
 * What the audit says last of the values of these tokens, such as `erased 2026-01-31` or `suppressed 2026-01-31`; nothing
 * for a token that was never erased. A login since then may have sealed an erased value again. Reads all of the audit
 * that is about erasing. Throws `DatabaseError`.
 */
export async function endedBefore(
  connection: Connection,
  tokens: readonly string[],
): Promise<Map<string, string>> {
  const asked = new Set(tokens);
  const erased = new Map<string, string>();
  const suppressed = new Map<string, { id: number; day: string }>();
  for (const action of ['erase', 'suppress', 'lift'] as const) {
    for await (const row of searchAudit(connection, { ...allRows, action })) {
      const { id, token, outcome } = row;
      if (token === null || !asked.has(token)) continue;
      const day = row.at.slice(0, 10);
      if (outcome === 'erased') erased.set(token, `erased ${day}`);
      if (outcome === 'suppressed') suppressed.set(token, { id, day });
      if (outcome === 'lifted' && id > (suppressed.get(token)?.id ?? id)) suppressed.delete(token);
    }
  }
  const ended = suppressed.size === 0 ? 0 : await lastBegun(connection);
  for (const [token, { id, day }] of suppressed) {
    if (id > ended) erased.set(token, `suppressed ${day}`);
  }
  return erased;
}

/** The row that began the last rotation of the token key, which ends all suppressions; 0 if there is none. */
async function lastBegun(connection: Connection): Promise<number> {
  let last = 0;
  for await (const { id, outcome } of searchAudit(connection, { ...allRows, action: 'rotate' })) {
    if (outcome === 'begun') last = id;
  }
  return last;
}
