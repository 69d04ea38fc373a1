import { html } from 'hono/html';

import type { Html } from '../html.ts';

/** The field for the reason, with what the vault wants of it; `id` where a page has several. */
export function reasonField(reason: string, id = 'reason', label = 'Reason'): Html {
  return html`<label for="${id}">${label}</label>
    <input
      id="${id}"
      name="reason"
      required
      minlength="10"
      maxlength="500"
      autocomplete="off"
      aria-describedby="${id}-hint"
      value="${reason}"
    />
    <p class="hint" id="${id}-hint">
      10 to 500 characters, such as a case number. It is written into the audit with your name.
    </p>`;
}
