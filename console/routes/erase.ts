import type { Context, Hono } from 'hono';

import type { TokenUse } from '../../db/count-logins.ts';
import { kindOfToken } from '../../lib/crypto/token.ts';
import { piiKinds } from '../../lib/pii-fields.ts';
import type { EraseCertificate } from '../../lib/requests/erase.ts';
import { type Fields, readFields } from '../form-text.ts';
import { type Entered, type Erasure, type EraseOutcome, erasePage } from '../pages/erase.ts';
import { readTokens } from '../pages/tokens.ts';
import { alreadySent, type Permit, type RouteParts } from '../permits.ts';
import { sentenceOf } from '../sentence.ts';
import type { ConsoleVault } from '../vault.ts';

/** The page that erases and lifts. What is erased is what was shown: it stays here, with the form's ticket. */
export function addErase(pages: Hono, { vault, tickets }: RouteParts): void {
  // by request, until the command ends
  const certificates = new Map<string, EraseCertificate>();
  const show = (context: Context, outcome: EraseOutcome | null, entered: Entered) =>
    context.html(erasePage(vault, entered, tickets.issue('erase'), outcome));

  const act = async (fields: Fields, permit: Permit | null): Promise<EraseOutcome> => {
    if (typeof permit === 'object' && permit !== null && 'erase' in permit) {
      const { tokens, reason, suppress } = permit.erase;
      const certificate = await vault.erase(tokens, reason, { suppress });
      certificates.set(certificate.requestId, certificate);
      return { certificate };
    }
    const name = fields.text('do');
    if (permit !== 'erase' || !['look', 'lift'].includes(name)) return { wrong: alreadySent };
    const read = readTokens(fields.text('tokens'), name === 'lift' ? 'lift' : 'erase');
    if ('wrong' in read) return read;
    const seen = erasureIn(fields, read.tokens);
    if (name === 'lift') return { lifted: await vault.lift(seen.tokens, seen.reason) };
    const ticket = tickets.issue({ erase: seen });
    return { seen, uses: await usesOf(vault, read.tokens), ticket };
  };

  pages.get('/erase', (context) => show(context, null, {}));
  pages.post('/erase', async (context) => {
    const fields = readFields(await context.req.text());
    const permit = tickets.redeem(fields.text('ticket'));
    try {
      const outcome = await act(fields, permit);
      return show(context, outcome, 'wrong' in outcome ? enteredIn(fields, permit) : {});
    } catch (error) {
      return show(context, { wrong: sentenceOf(error) }, enteredIn(fields, permit));
    }
  });
  pages.get('/certificates/:id', (context) => {
    const certificate = certificates.get(context.req.param('id'));
    if (certificate === undefined) return context.notFound();
    context.header('Content-Disposition', 'attachment');
    return context.json(certificate);
  });
}

/** What the person need not enter again. */
function enteredIn(fields: Fields, permit: Permit | null): Entered {
  if (typeof permit === 'object' && permit !== null && 'erase' in permit) return permit;
  const entered = erasureIn(fields, [fields.text('tokens')]);
  return fields.text('do') === 'lift' ? { lift: entered } : { erase: entered };
}

function erasureIn(fields: Fields, tokens: readonly string[]): Erasure {
  return { tokens, reason: fields.text('reason'), suppress: fields.text('suppress') === 'yes' };
}

/** The logins of the tokens; or why they are not shown. */
async function usesOf(
  vault: ConsoleVault,
  tokens: readonly string[],
): Promise<Map<string, TokenUse> | string> {
  try {
    const uses = new Map<string, TokenUse>();
    for (const kind of piiKinds) {
      const ofKind = tokens.filter((token) => kindOfToken(token) === kind);
      if (ofKind.length === 0) continue;
      for (const use of await vault.loginsOf(kind, ofKind)) uses.set(...use);
    }
    return uses;
  } catch (error) {
    return `The logins are not shown. ${sentenceOf(error)}`;
  }
}
