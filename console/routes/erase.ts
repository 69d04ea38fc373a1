import type { Context, Hono } from 'hono';

import { kindOfToken } from '../../lib/crypto/token.ts';
import { piiKinds } from '../../lib/pii-fields.ts';
import type { EraseCertificate } from '../../lib/requests/erase.ts';
import { type Fields, readFields } from '../form-text.ts';
import type { Seen, Use } from '../pages/erase-confirmation.ts';
import { type Entered, type Erasure, type EraseOutcome, erasePage } from '../pages/erase.ts';
import { fewEnough, readTokens } from '../pages/tokens.ts';
import { alreadySent, type Permit, type RouteParts } from '../permits.ts';
import { sentenceOf } from '../sentence.ts';
import type { ConsoleVault } from '../vault.ts';

/** The page that erases and lifts. What is erased is what was shown: it stays here, with the form's ticket. */
export function addErase(pages: Hono, { vault, tickets }: RouteParts): void {
  // by request, until the command ends
  const certificates = new Map<string, EraseCertificate>();
  const show = (context: Context, outcome: EraseOutcome | null, entered: Entered) => {
    const ticket = tickets.issue('erase');
    const kept = [...certificates.values()].toReversed();
    return context.html(erasePage(vault, outcome, { entered, ticket, certificates: kept }));
  };

  const erase = async ({ tokens, reason, suppress }: Erasure): Promise<EraseOutcome> => {
    const certificate = await vault.erase(tokens, reason, { suppress });
    certificates.set(certificate.requestId, certificate);
    return { certificate };
  };

  const act = async (fields: Fields, permit: Permit | null): Promise<EraseOutcome | null> => {
    const name = fields.text('do');
    const shown = shownBefore(permit);
    if (shown !== null && name === 'cancel') return null;
    if (shown !== null && name === 'erase') return erase(shown);
    if (permit === 'erase' && name === 'look') {
      const read = await tokensToErase(vault, fields);
      if ('wrong' in read) return read;
      const seen = { ...erasureIn(fields), tokens: read.tokens };
      return { seen, known: await seenOf(vault, read), ticket: tickets.issue({ erase: seen }) };
    }
    if (permit === 'erase' && name === 'lift') {
      const read = readTokens(fields.text('tokens'), 'lift');
      if ('wrong' in read) return read;
      return { lifted: await vault.lift(read.tokens, fields.text('reason')) };
    }
    return { wrong: alreadySent };
  };

  pages.get('/erase', (context) => show(context, null, {}));
  pages.post('/erase', async (context) => {
    const fields = readFields(await context.req.text());
    const permit = tickets.redeem(fields.text('ticket'));
    try {
      const outcome = await act(fields, permit);
      const isDone = outcome !== null && !('wrong' in outcome);
      return show(context, outcome, isDone ? {} : enteredIn(fields, permit));
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

/** The erasure that was shown with this ticket's form; null for any other form. */
function shownBefore(permit: Permit | null): Erasure | null {
  return typeof permit === 'object' && permit !== null && 'erase' in permit ? permit.erase : null;
}

/** What the person need not enter again. */
function enteredIn(fields: Fields, permit: Permit | null): Entered {
  const shown = shownBefore(permit);
  if (shown !== null) return { erase: shown };
  const entered = erasureIn(fields);
  return fields.text('do') === 'lift' ? { lift: entered } : { erase: entered };
}

function erasureIn(fields: Fields): Erasure {
  return {
    tokens: [fields.text('tokens')],
    userId: userIn(fields),
    reason: fields.text('reason'),
    suppress: fields.text('suppress') === 'yes',
  };
}

// Postgres takes no text with a NUL character or half a surrogate pair
function userIn(fields: Fields): string {
  return fields.text('user-id').replaceAll('\0', '').toWellFormed().trim();
}

/** The tokens to erase; with how often they are in the logins of a user, where that is how they were named. */
interface ToErase {
  tokens: readonly string[];
  uses: ReadonlyMap<string, Use> | null;
}

async function tokensToErase(
  vault: ConsoleVault,
  fields: Fields,
): Promise<ToErase | { wrong: string }> {
  const userId = userIn(fields);
  const entered = fields.text('tokens');
  if (userId === '') {
    const read = readTokens(entered, 'erase');
    return 'wrong' in read ? read : { ...read, uses: null };
  }
  if (entered.trim() !== '') return { wrong: 'Enter tokens or a user, and not both.' };
  const found = await vault.tokensOf(userId);
  if (found.length === 0) return { wrong: 'This user has no logins with tokens.' };
  const read = fewEnough(
    found.map(({ token }) => token),
    'erase --user-id',
  );
  if ('wrong' in read) return read;
  const uses = found.map(
    ({ token, logins, otherUsers }) => [token, { logins, users: otherUsers }] as const,
  );
  return { ...read, uses: new Map(uses) };
}

/** What is known of the tokens; or why it is not shown. */
async function seenOf(vault: ConsoleVault, { tokens, uses }: ToErase): Promise<Seen> {
  const [found, ended] = await Promise.all([
    uses ??
      usesOf(vault, tokens).catch(
        (error: unknown) => `The logins are not shown. ${sentenceOf(error)}`,
      ),
    vault
      .ended(tokens)
      .catch((error: unknown) => `Earlier erasures are not shown. ${sentenceOf(error)}`),
  ]);
  return { uses: found, ended };
}

async function usesOf(vault: ConsoleVault, tokens: readonly string[]): Promise<Map<string, Use>> {
  const uses = new Map<string, Use>();
  for (const kind of piiKinds) {
    const ofKind = tokens.filter((token) => kindOfToken(token) === kind);
    if (ofKind.length === 0) continue;
    for (const use of await vault.loginsOf(kind, ofKind)) uses.set(...use);
  }
  return uses;
}
