import { html } from 'hono/html';

import type { Html } from '../html.ts';

/** The field for the reason, with what the vault wants of it. */
export function reasonField(reason: string): Html {
  return html`<label for="reason">Reason</label>
    <input
      id="reason"
      name="reason"
      required
      minlength="10"
      maxlength="500"
      autocomplete="off"
      aria-describedby="reason-hint"
      value="${reason}"
    />
    <p class="hint" id="reason-hint">
      10 to 500 characters, such as a case number. It is written into the audit with your name.
    </p>`;
}
