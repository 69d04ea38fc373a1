import { html } from 'hono/html';

import { visible } from '../../cli/visible.ts';
import { kindOfToken } from '../../lib/crypto/token.ts';
import type { ShownRequest } from '../../lib/requests/decide.ts';
import { breakable } from '../breakable.ts';
import type { Html } from '../html.ts';
import { panel } from '../layout.ts';
import { reasonField } from './reason.ts';

/** A request with its tokens, and the form that decides on exactly that. */
export function decision(request: ShownRequest, reason: string, ticket: string): Html {
  const { tokens } = request;
  return panel('Decide', [
    html`<p>
      ${breakable(request.requestedBy)} asks to reveal ${tokens.length}
      token${tokens.length === 1 ? '' : 's'}: <bdi>${visible(request.reason)}</bdi>
    </p>`,
    html`<details>
      <summary>${countsByKind(tokens)}: show ${tokens.length === 1 ? 'it' : 'all of them'}</summary>
      <pre class="tokens" role="region" aria-label="Tokens of the request" tabindex="0">
${tokens.map(visible).join('\n')}</pre>
    </details>`,
    html`<p class="hint">
      Request <code>${request.id}</code>, until ${request.expiresAt}, digest
      <code>${request.digest}</code>
    </p>`,
    html`<form method="post" action="approvals#answer">
      <input type="hidden" name="ticket" value="${ticket}" />
      ${reasonField(reason)}
      <button name="do" value="approve">Approve</button>
      <button name="do" value="refuse" class="quiet">Refuse</button>
    </form>`,
  ]);
}

/** Such as `40 ip, 60 device_id`. */
function countsByKind(tokens: readonly string[]): string {
  const kinds = new Map<string, number>();
  for (const token of tokens) {
    const kind = kindOfToken(token) ?? 'of no known kind';
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  return [...kinds].map(([kind, count]) => `${count} ${kind}`).join(', ');
}
