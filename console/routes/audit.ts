import type { Context, Hono } from 'hono';

import { readFields } from '../form-text.ts';
import { auditPage, auditPageRows, readSearch } from '../pages/audit.ts';
import { alreadySent, type RouteParts } from '../permits.ts';
import { orSentence } from '../sentence.ts';
import type { ChainState } from '../vault.ts';

/** The page that searches the audit; a POST verifies its chain from the first row on. */
export function addAudit(pages: Hono, { vault, tickets }: RouteParts): void {
  const show = async (context: Context, chain: ChainState | string | null) => {
    const search = readSearch(context.req.query());
    const rows = await orSentence(vault.searchAudit(search, auditPageRows));
    return context.html(auditPage(vault, search, tickets.issue('verify'), { rows, chain }));
  };
  pages.get('/audit', (context) => show(context, null));
  pages.post('/audit', async (context) => {
    const fields = readFields(await context.req.text());
    if (tickets.redeem(fields.text('ticket')) !== 'verify') return show(context, alreadySent);
    return show(context, await orSentence(vault.chain('all')));
  });
}
