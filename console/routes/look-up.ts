import type { Hono } from 'hono';

import type { PiiKind } from '../../lib/pii-fields.ts';
import { readFields } from '../form-text.ts';
import { kindNamed, type LookUpAnswer, lookUpPage, readValues } from '../pages/look-up.ts';
import { alreadySent, type RouteParts } from '../permits.ts';
import { sentenceOf } from '../sentence.ts';
import type { ConsoleVault } from '../vault.ts';

/** The page that finds tokens. What was entered is personal: it is only in answers to a POST. */
export function addLookUp(pages: Hono, { vault, tickets }: RouteParts): void {
  const form = (kind: PiiKind, values: string, reason: string) => ({
    kind,
    values,
    reason,
    ticket: tickets.issue('look-up'),
  });
  pages.get('/look-up', (context) => context.html(lookUpPage(vault, form(kindNamed(''), '', ''))));
  pages.post('/look-up', async (context) => {
    const fields = readFields(await context.req.text());
    const kind = kindNamed(fields.text('kind'));
    const [entered, reason] = [fields.text('values'), fields.text('reason')];
    const wrong = (sentence: string, values: string) =>
      context.html(lookUpPage(vault, form(kind, values, reason), { wrong: sentence }));
    // a reloaded answer shows nothing of what was entered
    if (tickets.redeem(fields.text('ticket')) !== 'look-up') return wrong(alreadySent, '');
    const read = readValues(kind, entered);
    if ('wrong' in read) return wrong(read.wrong, entered);
    try {
      const answer = await lookUp(vault, kind, read.values, reason);
      return await context.html(lookUpPage(vault, form(kind, '', reason), { answer }));
    } catch (error) {
      return wrong(sentenceOf(error), entered);
    }
  });
}

async function lookUp(
  vault: ConsoleVault,
  kind: PiiKind,
  values: readonly string[],
  reason: string,
): Promise<LookUpAnswer> {
  const { requestId, tokens } = await vault.lookUp(kind, values, reason);
  const found = tokens.map(({ token, held }, index) => ({
    value: values[index] ?? '',
    token,
    held,
  }));
  const uses = await vault
    .loginsOf(
      kind,
      found.map(({ token }) => token),
    )
    .catch((error: unknown) => `The logins are not shown. ${sentenceOf(error)}`);
  return { requestId, found, uses };
}
