import { html } from 'hono/html';

import type { BreakGlassItem, RevealRequest } from '../../lib/requests/approval.ts';
import type { OpenItems, ShownRequest } from '../../lib/requests/decide.ts';
import { visible } from '../../cli/visible.ts';
import { breakable } from '../breakable.ts';
import type { Html } from '../html.ts';
import { answer, layout, panel, problem, table } from '../layout.ts';
import { shown } from '../shown.ts';
import type { ConsoleVault } from '../vault.ts';
import { decision } from './decision.ts';
import { reasonField } from './reason.ts';

/** What the page shows besides what waits. */
export interface ApprovalsView {
  /** The request that is looked at, and the ticket for deciding exactly on that. */
  shown: { request: ShownRequest; ticket: string } | null;
  /** What the last form did, or why it did nothing. */
  done: string | null;
  wrong: string | null;
  /** The reason that was entered and could not be used, and the item of break-glass that it is for. */
  entered: { reason: string; id: string } | null;
  /** For the forms in the lists. */
  ticket: string;
}

/** The requests for large reveals: those that wait for an approver, and one's own. */
export async function approvalsPage(vault: ConsoleVault, view: ApprovalsView): Promise<Html> {
  const { shown: looked, done, wrong, entered } = view;
  const [open, own] = await Promise.all([
    shown(vault.openItems(), (items) => waiting(items, view), 'You decide on no requests'),
    shown(
      vault.ownRequests(),
      (requests) => ownRequests(requests, view.ticket),
      'You make no requests',
    ),
  ]);
  return layout(
    {
      vault,
      current: 'approvals',
      lead: 'Large reveals need somebody else’s approval, where the stage asks for it. Each decision is written into the audit.',
    },
    html`${answer(
      wrong === null && done === null && looked === null
        ? ''
        : html`${wrong === null ? '' : problem(wrong)}
          ${done === null ? '' : html`<p role="status">${done}</p>`}
          ${looked === null ? '' : decision(looked.request, entered?.reason ?? '', looked.ticket)}`,
    )}
    ${panel('Waiting or approved', open)} ${panel('Your own requests', own)}`,
  );
}

function waiting({ requests, breakGlass }: OpenItems, view: ApprovalsView): Html {
  return html`${
    requests.length === 0 ? html`<p>No request waits.</p>` : requestsTable(requests, view.ticket)
  }
  ${breakGlass.length === 0 ? '' : breakGlassTable(breakGlass, view)}`;
}

function requestsTable(requests: readonly RevealRequest[], ticket: string): Html {
  return table(
    'Requests that wait or are approved',
    ['State', { number: 'Tokens' }, 'Requested by', 'Reason', { short: 'Until (UTC)' }, 'Action'],
    requests.map((request) => [
      request.state,
      request.tokens,
      breakable(request.requestedBy),
      html`<bdi>${visible(request.reason)}</bdi>`,
      untilOf(request),
      request.state === 'requested' ? button('show', 'Look at it', request.id, ticket) : '',
    ]),
  );
}

function breakGlassTable(items: readonly BreakGlassItem[], view: ApprovalsView): Html {
  return html`<h3>Break-glass, not acknowledged</h3>
    ${table(
      'Uses of break-glass',
      [
        'Used by',
        { number: 'Tokens' },
        'Reason',
        { short: 'First used (UTC)' },
        { short: 'Last used (UTC)' },
        'Acknowledge',
      ],
      items.map(({ id, usedBy, tokens, reason, firstUsedAt, lastUsedAt }) => [
        breakable(usedBy),
        tokens,
        html`<bdi>${visible(reason)}</bdi>`,
        minuteOf(firstUsedAt),
        minuteOf(lastUsedAt),
        html`<form method="post" action="approvals#answer">
          <input type="hidden" name="ticket" value="${view.ticket}" />
          <input type="hidden" name="id" value="${id}" />
          <input type="hidden" name="shown" value="${tokens}" />
          ${reasonField(
            view.entered?.id === id ? view.entered.reason : '',
            `acknowledge-${id}`,
            'Why this was right',
          )}
          <button name="do" value="acknowledge" class="quiet">Acknowledge</button>
        </form>`,
      ]),
    )}`;
}

function ownRequests(requests: readonly RevealRequest[], ticket: string): Html {
  if (requests.length === 0) {
    return html`<p>None. <code>npx pii-vault request</code> makes one for many tokens.</p>`;
  }
  return table(
    'Your own requests',
    [
      'State',
      { number: 'Tokens' },
      'Reason',
      'Decided by',
      { short: 'Until (UTC)' },
      'Id',
      'Action',
    ],
    requests.map((request) => [
      request.state,
      request.tokens,
      html`<bdi>${visible(request.reason)}</bdi>`,
      breakable(request.decidedBy ?? ''),
      untilOf(request),
      html`<code>${request.id}</code>`,
      request.state === 'requested' || request.state === 'approved'
        ? button('withdraw', 'Withdraw', request.id, ticket)
        : '',
    ]),
  );
}

/** Until when a request can be approved, or used where it is approved. */
function untilOf({ state, usableUntil, expiresAt }: RevealRequest): string {
  return minuteOf(state === 'approved' ? (usableUntil ?? expiresAt) : expiresAt);
}

/** Such as `2026-01-31 12:05`. */
function minuteOf(time: string): string {
  return time.slice(0, 16).replace('T', ' ');
}

function button(name: string, text: string, id: string, ticket: string): Html {
  return html`<form method="post" action="approvals#answer">
    <input type="hidden" name="ticket" value="${ticket}" />
    <input type="hidden" name="id" value="${id}" />
    <button name="do" value="${name}" class="quiet">${text}</button>
  </form>`;
}
