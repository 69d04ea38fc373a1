import type { Hono } from 'hono';

import { readFields } from '../form-text.ts';
import { revealPage } from '../pages/reveal.ts';
import { readTokens } from '../pages/tokens.ts';
import { alreadySent, type RouteParts } from '../permits.ts';
import { sentenceOf } from '../sentence.ts';

/** The page that reveals. Values are only in answers to a POST, and each form asks once. */
export function addReveal(pages: Hono, { vault, tickets }: RouteParts): void {
  const form = (tokens: string, reason: string) => ({
    tokens,
    reason,
    ticket: tickets.issue('reveal'),
  });
  pages.get('/reveal', (context) => context.html(revealPage(vault, form('', ''))));
  pages.post('/reveal', async (context) => {
    const fields = readFields(await context.req.text());
    const [entered, reason] = [fields.text('tokens'), fields.text('reason')];
    const wrong = (sentence: string) =>
      context.html(revealPage(vault, form(entered, reason), { wrong: sentence }));
    if (tickets.redeem(fields.text('ticket')) !== 'reveal') return wrong(alreadySent);
    const read = readTokens(entered, 'reveal');
    if ('wrong' in read) return wrong(read.wrong);
    try {
      const answer = await vault.reveal(read.tokens, reason);
      return await context.html(revealPage(vault, form('', reason), { answer }));
    } catch (error) {
      return wrong(sentenceOf(error));
    }
  });
}
