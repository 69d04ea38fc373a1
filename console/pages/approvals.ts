import { html } from 'hono/html';

import type { BreakGlassItem, RevealRequest } from '../../lib/requests/approval.ts';
import type { OpenItems, ShownRequest } from '../../lib/requests/decide.ts';
import { visible } from '../../cli/visible.ts';
import type { Html } from '../html.ts';
import { layout, panel, problem, table } from '../layout.ts';
import type { ConsoleVault } from '../vault.ts';
import { reasonField } from './reason.ts';

/** What the page shows: a text instead of what could not be read, which says why. */
export interface ApprovalsView {
  open: OpenItems | string;
  own: readonly RevealRequest[] | string;
  /** The request that is looked at, and the ticket for deciding exactly on that. */
  shown: { request: ShownRequest; ticket: string } | null;
  /** What the last form did, or why it did nothing. */
  done: string | null;
  wrong: string | null;
  /** For the forms in the lists. */
  ticket: string;
}

/** The requests for large reveals: those that wait for an approver, and one's own. */
export function approvalsPage(vault: ConsoleVault, view: ApprovalsView): Html {
  const { open, own, shown, done, wrong, ticket } = view;
  return layout(
    {
      vault,
      current: 'approvals',
      lead: 'Large reveals need somebody else’s approval, where the stage asks for it. Each decision is written into the audit.',
    },
    html`${wrong === null ? '' : problem(wrong)}
    ${done === null ? '' : html`<p role="status">${done}</p>`}
    ${shown === null ? '' : decision(shown.request, shown.ticket)}
    ${panel('Waiting', typeof open === 'string' ? problem(open) : waiting(open, ticket))}
    ${panel('Your own requests', typeof own === 'string' ? problem(own) : ownRequests(own, ticket))}`,
  );
}

function decision({ tokens, ...request }: ShownRequest, ticket: string): Html {
  return panel('Decide', [
    html`<p>
      <bdi>${visible(request.requestedBy)}</bdi> asks to reveal ${tokens.length}
      token${tokens.length === 1 ? '' : 's'}:
      <bdi>${visible(request.reason)}</bdi>
    </p>`,
    html`<p class="hint">
      Request <code>${request.id}</code>, until ${request.expiresAt}, digest
      <code>${request.digest}</code>
    </p>`,
    html`<form method="post" action="approvals">
      <input type="hidden" name="ticket" value="${ticket}" />
      ${reasonField('')}
      <button name="do" value="approve">Approve</button>
      <button name="do" value="refuse" class="quiet">Refuse</button>
    </form>`,
  ]);
}

function waiting({ requests, breakGlass }: OpenItems, ticket: string): Html {
  return html`${requests.length === 0 ? html`<p>No request waits.</p>` : requestsTable(requests, ticket)}
  ${breakGlass.length === 0 ? '' : breakGlassTable(breakGlass, ticket)}`;
}

function requestsTable(requests: readonly RevealRequest[], ticket: string): Html {
  return table(
    'Requests that wait',
    ['State', { number: 'Tokens' }, 'Requested by', 'Reason', 'Until', 'Action'],
    requests.map(
      ({ id, state, tokens, requestedBy, reason, expiresAt }) =>
        html`<tr>
          <td>${state}</td>
          <td class="number">${tokens}</td>
          <td><bdi>${visible(requestedBy)}</bdi></td>
          <td><bdi>${visible(reason)}</bdi></td>
          <td class="nowrap">${expiresAt}</td>
          <td>${state === 'requested' ? button('show', 'Look at it', id, ticket) : ''}</td>
        </tr>`,
    ),
  );
}

function breakGlassTable(items: readonly BreakGlassItem[], ticket: string): Html {
  return html`<h3>Break-glass, not acknowledged</h3>
    ${table(
      'Uses of break-glass',
      ['Used by', { number: 'Tokens' }, 'Reason', 'First used', 'Acknowledge'],
      items.map(
        ({ id, usedBy, tokens, reason, firstUsedAt }) =>
          html`<tr>
            <td><bdi>${visible(usedBy)}</bdi></td>
            <td class="number">${tokens}</td>
            <td><bdi>${visible(reason)}</bdi></td>
            <td class="nowrap">${firstUsedAt}</td>
            <td>
              <form method="post" action="approvals">
                <input type="hidden" name="ticket" value="${ticket}" />
                <input type="hidden" name="id" value="${id}" />
                <input type="hidden" name="shown" value="${tokens}" />
                <input
                  name="reason"
                  aria-label="Reason"
                  required
                  minlength="10"
                  maxlength="500"
                  autocomplete="off"
                />
                <button name="do" value="acknowledge" class="quiet">Acknowledge</button>
              </form>
            </td>
          </tr>`,
      ),
    )}`;
}

function ownRequests(requests: readonly RevealRequest[], ticket: string): Html {
  if (requests.length === 0) {
    return html`<p>None. <code>npx pii-vault request</code> makes one for many tokens.</p>`;
  }
  return table(
    'Your own requests',
    ['State', { number: 'Tokens' }, 'Reason', 'Decided by', 'Id', 'Action'],
    requests.map(
      ({ id, state, tokens, reason, decidedBy }) =>
        html`<tr>
          <td>${state}</td>
          <td class="number">${tokens}</td>
          <td><bdi>${visible(reason)}</bdi></td>
          <td><bdi>${visible(decidedBy ?? '')}</bdi></td>
          <td><code>${id}</code></td>
          <td>
            ${
              state === 'requested' || state === 'approved'
                ? button('withdraw', 'Withdraw', id, ticket)
                : ''
            }
          </td>
        </tr>`,
    ),
  );
}

function button(name: string, text: string, id: string, ticket: string): Html {
  return html`<form method="post" action="approvals">
    <input type="hidden" name="ticket" value="${ticket}" />
    <input type="hidden" name="id" value="${id}" />
    <button name="do" value="${name}" class="quiet">${text}</button>
  </form>`;
}
