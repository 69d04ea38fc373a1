import type { AuditRow } from '../lib/audit/chain.ts';
import type { EraseCertificate } from '../lib/requests/erase.ts';

/**
 * What differs between a certificate and the audit; empty where nothing does. `rows` end with the
 * row that the certificate names, and begin one row before those of its tokens. The chain itself is
 * verified elsewhere.
 */
export function compareCertificate(
  {
    requestId,
    principal,
    reason,
    erased,
    missing,
    suppressed,
    renamed = [],
    erasedAt,
    audit,
  }: EraseCertificate,
  rows: readonly AuditRow[],
): string[] {
  const last = rows.at(-1);
  if (last?.id !== audit.id) return [`audit row ${audit.id} is missing`];
  const problems = [];
  if (Buffer.from(last.hash).toString('hex') !== audit.hash) {
    problems.push(`audit row ${audit.id} has another hash`);
  }
  const own = rows.filter((row) => row.requestId === requestId);
  if (!own.includes(last)) problems.push('the audit has another request in its place');
  if (own.some(({ action }) => action !== 'erase' && !(suppressed && action === 'suppress')))
    problems.push('the audit has another action');
  if (
    own.some((row) => row.principal !== principal.id || row.principalSource !== principal.source)
  ) {
    problems.push('the audit has another principal');
  }
  if (own.some((row) => row.reason !== reason)) problems.push('the audit has another reason');
  if (Date.parse(erasedAt) !== Math.floor(Number(last.at) / 1000)) {
    problems.push('the audit has another time');
  }
  const recorded = outcomesOf(own, 'erase');
  // the audit has the names of that time
  const names = new Map(renamed.map(({ token, currentToken }) => [token, currentToken]));
  const nameOf = (token: string) => names.get(token) ?? token;
  const claimed = new Map([
    ...erased.map((token) => [nameOf(token), 'erased'] as const),
    ...missing.map(
      ({ token, why }) => [nameOf(token), why === 'erased' ? 'already_erased' : why] as const,
    ),
  ]);
  if (recorded.size !== claimed.size) {
    problems.push('the audit has another number of tokens of this request');
  }
  for (const [token, outcome] of claimed) {
    if (recorded.get(token) !== outcome) {
      problems.push(`the audit says ${recorded.get(token) ?? 'nothing'} of ${token}`);
    }
  }
  if (suppressed) {
    const forGood = outcomesOf(own, 'suppress');
    for (const token of claimed.keys()) {
      if (!forGood.has(token)) problems.push(`the audit does not say that ${token} is suppressed`);
    }
  }
  return problems;
}

function outcomesOf(rows: readonly AuditRow[], action: string): Map<string | null, string> {
  return new Map(
    rows.filter((row) => row.action === action).map(({ token, outcome }) => [token, outcome]),
  );
}
