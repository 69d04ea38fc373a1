import { html } from 'hono/html';

import type { Html } from '../html.ts';
import { visible } from '../../cli/visible.ts';

/** A personal value: console.js hides it after a minute, and when the page is left. */
export function plaintext(value: string): Html {
  return html`<bdi class="plaintext" data-plaintext>${visible(value)}</bdi>`;
}

/** Says that the values will be hidden, and hides them sooner on request. */
export function plaintextNotice(page: string): Html {
  return html`<p class="notice">
    <span role="status" data-plaintext-status>These values are hidden again after a minute.</span>
    <a class="button quiet" href="${page}" data-hide-plaintext>Hide now</a>
  </p>`;
}
