import { html, raw } from 'hono/html';

import type { ReportData } from '../../cli/report/data.ts';
import { sections } from '../../cli/report/sections.ts';
import type { Html } from '../html.ts';
import { layout, panel, problem } from '../layout.ts';
import type { ConsoleVault } from '../vault.ts';

/** What the page shows. */
export interface ReportView {
  /** How far the report is that is being made; null when none is. */
  step: { done: number; of: number } | null;
  /** The last report, or what went wrong with it; null before the first. */
  last: ReportData | string | null;
}

/** The sections of `pii-vault report`, and a form that makes them anew. */
export function reportPage(vault: ConsoleVault, ticket: string, { step, last }: ReportView): Html {
  return layout(
    {
      vault,
      current: 'report',
      lead: 'What the logins, the audit and the queues show, and what the masked data gives away.',
    },
    html`${typeof last === 'string' ? problem(last) : ''}
    ${step === null ? form(ticket, last !== null) : progress(step)}
    ${
      last === null || typeof last === 'string'
        ? ''
        : html`<div class="report">${raw(sections(last).text)}</div>`
    }`,
  );
}

function form(ticket: string, isAgain: boolean): Html {
  return html`<form method="post" action="report" class="panel">
    <input type="hidden" name="ticket" value="${ticket}" />
    <button class="${isAgain ? 'quiet' : ''}">
      ${isAgain ? 'Make it again' : 'Make the report'}
    </button>
    <p class="hint">
      Reads all logins with your own rights, and counts the dead-letter messages. For ten million
      logins it takes a minute or two. <code>npx pii-vault report --out FILE</code> keeps it.
    </p>
  </form>`;
}

function progress({ done, of }: { done: number; of: number }): Html {
  return panel(
    'The report is being made',
    html`<p role="status" data-reload>Step ${Math.min(done + 1, of)} of ${of}.</p>
      <p><a href="report">Look again</a></p>`,
  );
}
