import { html } from 'hono/html';

import type { RevealResponse } from '../../lib/requests/reveal.ts';
import { breakable } from '../breakable.ts';
import type { Html } from '../html.ts';
import { answer, layout, panel, problem, table } from '../layout.ts';
import type { ConsoleVault } from '../vault.ts';
import { plaintext, plaintextNotice } from './plaintext.ts';
import { reasonField } from './reason.ts';
import { tokensField } from './tokens.ts';

/** What was entered into the form, and the ticket for its next POST. */
export interface RevealForm {
  tokens: string;
  reason: string;
  ticket: string;
}

/** The form, with what the vault answered to the last POST or what went wrong. */
export function revealPage(
  vault: ConsoleVault,
  form: RevealForm,
  outcome: { answer: RevealResponse } | { wrong: string } | null = null,
): Html {
  const opened = outcome !== null && 'answer' in outcome ? outcome.answer : null;
  return layout(
    {
      vault,
      current: 'reveal',
      lead: 'Opens the values behind tokens. Each token is written into the audit first.',
      hasPlaintext: opened !== null,
    },
    html`${answer(outcome !== null && 'wrong' in outcome ? problem(outcome.wrong) : '')}
    ${answer(opened === null ? '' : revealed(opened))}
    ${panel(opened === null ? 'Tokens' : 'Reveal more', fields(form))}`,
  );
}

function fields({ tokens, reason, ticket }: RevealForm): Html {
  return html`<form method="post" action="reveal#answer">
    <input type="hidden" name="ticket" value="${ticket}" />
    ${tokensField(tokens)} ${reasonField(reason)}
    <button>Reveal</button>
  </form>`;
}

function revealed({ requestId, principal, revealed: values, missing }: RevealResponse): Html {
  return panel(
    `${values.length} revealed, ${missing.length} missing`,
    html`${values.length === 0 ? '' : plaintextNotice('reveal')}
      ${table(
        'Revealed values',
        ['Value', 'Kind', 'Token'],
        [
          ...values.map(({ token, kind, value }) => [
            plaintext(value),
            kind,
            html`<code>${token}</code>`,
          ]),
          ...missing.map(({ token, why }) => [
            html`<span class="muted">${why === 'unknown' ? 'not in the vault' : why}</span>`,
            '',
            html`<code>${token}</code>`,
          ]),
        ],
      )}
      <p class="hint">
        Recorded as <code>${breakable(principal.id)}</code>, request
        <a href="audit?text=${encodeURIComponent(requestId)}">${requestId}</a>.
      </p>`,
  );
}
