import { html } from 'hono/html';

import { visible } from '../cli/visible.ts';
import type { Html } from './html.ts';

/** A name that somebody else may have chosen, such as an ARN: a line of it ends after `/` or `:` rather than in a word. */
export function breakable(name: string): Html {
  const [first = '', ...rest] = visible(name).split(/(?<=[/:])/);
  return html`<bdi class="name">${first}${rest.map((part) => html`<wbr />${part}`)}</bdi>`;
}
