import { html } from 'hono/html';

import { whole } from '../../cli/report/numbers.ts';
import type { Html } from '../html.ts';
import type { ChainState } from '../vault.ts';

/** What the verification of the audit chain found. */
export function chainSummary({ head, from, verified, findings, lastVerified }: ChainState): Html {
  const sentence =
    verified === 0
      ? 'There are no rows yet.'
      : from <= 1
        ? `All ${whole(verified)} rows are right.`
        : from === head.id
          ? `Row ${whole(from)} is right.`
          : `Rows ${whole(from)} to ${whole(head.id)} are right.`;
  const state =
    findings.length === 0
      ? html`<p class="good">${sentence}</p>`
      : html`<div class="problem" role="alert">
          <p>The audit does not verify:</p>
          <ul>
            ${findings.map(({ id, problem }) => html`<li>Row ${whole(id)} ${problem}.</li>`)}
          </ul>
        </div>`;
  return html`${state}
    <p>
      Last row: <code>${head.id}:${head.hash.slice(0, 16)}…</code><br />
      ${lastVerified === null ? 'maintain has not verified it yet.' : `maintain verified it last at ${lastVerified} UTC.`}
    </p>`;
}
