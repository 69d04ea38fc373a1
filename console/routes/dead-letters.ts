import type { Context, Hono } from 'hono';

import { readFields } from '../form-text.ts';
import { type DeadLetterView, deadLettersPage } from '../pages/dead-letters.ts';
import { alreadySent, type Permit, type RouteParts } from '../permits.ts';
import { orSentence, sentenceOf } from '../sentence.ts';

/** The page of the dead-letter queue: counts, and sends only reasons that a dry run has shown. */
export function addDeadLetters(pages: Hono, { vault, tickets }: RouteParts): void {
  const show = async (context: Context, outcome?: DeadLetterView['outcome']) => {
    const depth = await orSentence(vault.queueDepth('deadLetter'));
    const view = outcome === undefined ? { depth } : { depth, outcome };
    return context.html(deadLettersPage(vault, tickets.issue('count'), view));
  };

  const count = async (): Promise<DeadLetterView['outcome']> => {
    const dryRun = await vault.redrive({ send: false, reasons: [] });
    return { dryRun, sendTicket: tickets.issue({ send: [...dryRun.reasons.keys()] }) };
  };

  const send = async (
    seen: readonly string[],
    chosen: readonly string[],
  ): Promise<DeadLetterView['outcome']> => {
    const reasons = chosen.filter((reason) => seen.includes(reason));
    if (reasons.length === 0) return { wrong: 'No reason was chosen. Nothing was sent.' };
    return { sent: await vault.redrive({ send: true, reasons }) };
  };

  pages.get('/dead-letters', (context) => show(context));
  pages.post('/dead-letters', async (context) => {
    const fields = readFields(await context.req.text());
    const permit: Permit | null = tickets.redeem(fields.text('ticket'));
    try {
      if (permit === 'count') return await show(context, await count());
      if (typeof permit === 'object' && permit !== null && 'send' in permit) {
        return await show(context, await send(permit.send, fields.all('reason')));
      }
    } catch (error) {
      return show(context, { wrong: sentenceOf(error) });
    }
    return show(context, { wrong: alreadySent });
  });
}
