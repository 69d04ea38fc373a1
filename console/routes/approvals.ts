import type { Context, Hono } from 'hono';

import { UserError } from '../../cli/user-error.ts';
import { requestDigest } from '../../lib/requests/request-digest.ts';
import { readFields } from '../form-text.ts';
import { approvalsPage, type ApprovalsView } from '../pages/approvals.ts';
import { alreadySent, type Permit, type RouteParts } from '../permits.ts';
import { sentenceOf } from '../sentence.ts';
import type { ConsoleVault } from '../vault.ts';

type Done = Partial<Omit<ApprovalsView, 'ticket'>>;

/** The page for large reveals. What is decided is what was shown: its digest stays here, with the form's ticket. */
export function addApprovals(pages: Hono, { vault, tickets }: RouteParts): void {
  const show = async (context: Context, done: Done) => {
    const nothing = { shown: null, done: null, wrong: null, entered: null };
    const ticket = tickets.issue('approvals');
    return context.html(await approvalsPage(vault, { ...nothing, ...done, ticket }));
  };

  const lookAt = async (id: string): Promise<NonNullable<ApprovalsView['shown']>> => {
    const request = await vault.showRequest(id);
    if (requestDigest(request) !== request.digest) {
      throw new UserError('The digest is not that of what the vault shows.');
    }
    const ticket = tickets.issue({ decide: { id: request.id, digest: request.digest } });
    return { request, ticket };
  };

  pages.get('/approvals', (context) => show(context, {}));
  pages.post('/approvals', async (context) => {
    const fields = readFields(await context.req.text());
    const permit = tickets.redeem(fields.text('ticket'));
    const [name, id, reason] = [fields.text('do'), fields.text('id'), fields.text('reason')];
    try {
      if (name === 'show' && permit === 'approvals') {
        return await show(context, { shown: await lookAt(id) });
      }
      const shown = Number(fields.text('shown'));
      const done = await act(vault, permit, { name, id, reason, shown });
      return await show(context, done === null ? { wrong: alreadySent } : { done });
    } catch (error) {
      // a request that is still open is shown again, to be decided on as it is now
      const isDecision = typeof permit === 'object' && permit !== null && 'decide' in permit;
      const again = isDecision ? await lookAt(permit.decide.id).catch(() => null) : null;
      const shown = again?.request.state === 'requested' ? again : null;
      return show(context, { shown, wrong: sentenceOf(error), entered: { id, reason } });
    }
  });
}

/** Does what the form asks for, and says so; null where its ticket does not allow that. */
async function act(
  vault: ConsoleVault,
  permit: Permit | null,
  { name, id, reason, shown }: { name: string; id: string; reason: string; shown: number },
): Promise<string | null> {
  const isDecision = name === 'approve' || name === 'refuse';
  if (isDecision && typeof permit === 'object' && permit !== null && 'decide' in permit) {
    const { state } = await vault.decide(name, permit.decide, reason);
    return `Request ${permit.decide.id} is ${state}.`;
  }
  if (permit !== 'approvals') return null;
  if (name === 'withdraw') {
    const { state } = await vault.withdraw(id);
    return `Request ${id} is ${state}.`;
  }
  if (name !== 'acknowledge') return null;
  const { state } = await vault.acknowledge({ id, tokens: shown }, reason);
  return `Item ${id} is ${state}.`;
}
