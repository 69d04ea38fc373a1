import type { Context, Hono } from 'hono';

import { readFields } from '../form-text.ts';
import { auditPage, auditPageRows, meantBy, readSearch } from '../pages/audit.ts';
import type { RouteParts } from '../permits.ts';
import { orSentence } from '../sentence.ts';
import type { ChainState } from '../vault.ts';

/** The page that searches the audit; a POST verifies its chain from the first row on. */
export function addAudit(pages: Hono, { vault, tickets }: RouteParts): void {
  const show = async (context: Context, verifying: Promise<ChainState>) => {
    const search = readSearch(context.req.query());
    const [rows, chain] = await Promise.all([
      orSentence(vault.searchAudit(meantBy(search), search.before, auditPageRows)),
      orSentence(verifying),
    ]);
    return context.html(auditPage(vault, search, tickets.issue('verify'), { rows, chain }));
  };
  pages.get('/audit', (context) => show(context, vault.chain('since')));
  pages.post('/audit', async (context) => {
    const fields = readFields(await context.req.text());
    const isNew = tickets.redeem(fields.text('ticket')) === 'verify';
    return show(context, vault.chain(isNew ? 'all' : 'since'));
  });
}
