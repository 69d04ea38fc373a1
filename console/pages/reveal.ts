import { html } from 'hono/html';

import { kindOfToken } from '../../lib/crypto/token.ts';
import { maxPerRequest } from '../../lib/requests/request.ts';
import type { RevealResponse } from '../../lib/requests/reveal.ts';
import { type EnteredLine, enteredLines } from '../form-text.ts';
import type { Html } from '../html.ts';
import { layout, panel, problem, table } from '../layout.ts';
import type { ConsoleVault } from '../vault.ts';
import { visible } from '../../cli/visible.ts';
import { plaintext, plaintextNotice } from './plaintext.ts';
import { reasonField } from './reason.ts';

/** What was entered into the form, and the ticket for its next POST. */
export interface RevealForm {
  tokens: string;
  reason: string;
  ticket: string;
}

/** The tokens that were entered, each once; or what is wrong with them, by line. */
export function readTokens(text: string): { tokens: string[] } | { wrong: string } {
  const entered = enteredLines(text).flatMap(({ line, text: words }) =>
    words
      .split(/[\s,;]+/)
      .filter(Boolean)
      .map((word): EnteredLine => ({ line, text: word })),
  );
  const bad = entered.filter((word) => kindOfToken(word.text) === null);
  if (bad.length > 0) {
    const lines = [...new Set(bad.map(({ line }) => line))].slice(0, 20).join(', ');
    return { wrong: `Not a token in line ${lines}. Nothing was asked.` };
  }
  const tokens = [...new Set(entered.map((word) => word.text))];
  if (tokens.length === 0) return { wrong: 'Enter a token. Nothing was asked.' };
  if (tokens.length <= maxPerRequest) return { tokens };
  return {
    wrong:
      `These are ${tokens.length} tokens, and the page asks for ${maxPerRequest} at most: ` +
      'npx pii-vault reveal takes more. Nothing was asked.',
  };
}

/** The form, with what the vault answered to the last POST or what went wrong. */
export function revealPage(
  vault: ConsoleVault,
  form: RevealForm,
  outcome: { answer: RevealResponse } | { wrong: string } | null = null,
): Html {
  const answer = outcome !== null && 'answer' in outcome ? outcome.answer : null;
  return layout(
    {
      vault,
      current: 'reveal',
      lead: 'Opens the values behind tokens. Each token is written into the audit first.',
      hasPlaintext: answer !== null,
    },
    html`${outcome !== null && 'wrong' in outcome ? problem(outcome.wrong) : ''}
    ${answer === null ? '' : revealed(answer)}
    ${panel(answer === null ? 'Tokens' : 'Reveal more', fields(form))}`,
  );
}

function fields({ tokens, reason, ticket }: RevealForm): Html {
  return html`<form method="post" action="reveal">
    <input type="hidden" name="ticket" value="${ticket}" />
    <label for="tokens">Tokens</label>
    <textarea
      id="tokens"
      name="tokens"
      rows="5"
      required
      spellcheck="false"
      autocomplete="off"
      aria-describedby="tokens-hint"
    >
${tokens}</textarea>
    <p class="hint" id="tokens-hint">
      As <code>user_logins</code> has them, one in a line, ${maxPerRequest} at most.
    </p>
    ${reasonField(reason)}
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
          ...values.map(
            ({ token, kind, value }) =>
              html`<tr>
                <td>${plaintext(value)}</td>
                <td>${kind}</td>
                <td><code>${token}</code></td>
              </tr>`,
          ),
          ...missing.map(
            ({ token, why }) =>
              html`<tr>
                <td class="muted">${why === 'unknown' ? 'not in the vault' : why}</td>
                <td></td>
                <td><code>${token}</code></td>
              </tr>`,
          ),
        ],
      )}
      <p class="hint">
        Recorded as <code>${visible(principal.id)}</code>, request
        <a href="audit?text=${encodeURIComponent(requestId)}">${requestId}</a>.
      </p>`,
  );
}
