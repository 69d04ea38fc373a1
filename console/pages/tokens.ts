import { html } from 'hono/html';

import { kindOfToken } from '../../lib/crypto/token.ts';
import { maxPerRequest } from '../../lib/requests/request.ts';
import { type EnteredLine, enteredLines } from '../form-text.ts';
import type { Html } from '../html.ts';

/** The tokens that were entered, each once; or what is wrong with them, by line. `command` takes more of them. */
export function readTokens(
  text: string,
  command: string,
): { tokens: readonly string[] } | { wrong: string } {
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
  return fewEnough([...new Set(entered.map((word) => word.text))], command);
}

/** The tokens, if the page can ask for so many. */
export function fewEnough(
  tokens: readonly string[],
  command: string,
): { tokens: readonly string[] } | { wrong: string } {
  if (tokens.length === 0) return { wrong: 'Enter a token. Nothing was asked.' };
  if (tokens.length <= maxPerRequest) return { tokens };
  return {
    wrong:
      `These are ${tokens.length} tokens, and the page asks for ${maxPerRequest} at most: ` +
      `npx pii-vault ${command} takes more. Nothing was asked.`,
  };
}

/** The field for tokens; `id` where a page has several; it may be empty where something else can name them. */
export function tokensField(tokens: string, id = 'tokens', isRequired = true): Html {
  return html`<label for="${id}">Tokens</label>
    <textarea
      id="${id}"
      name="tokens"
      rows="5"
      ${isRequired ? 'required' : ''}
      spellcheck="false"
      autocomplete="off"
      aria-describedby="${id}-hint"
    >
${tokens}</textarea>
    <p class="hint" id="${id}-hint">
      As <code>user_logins</code> has them, one in a line, ${maxPerRequest} at most.
    </p>`;
}
