import { html } from 'hono/html';

import { allRows, type AuditEntry, type AuditSearch } from '../../db/search-audit.ts';
import { auditActions } from '../../lib/audit/entry.ts';
import { dayMs } from '../../lib/time.ts';
import { breakable } from '../breakable.ts';
import type { Html } from '../html.ts';
import { layout, panel, problem, table } from '../layout.ts';
import type { ChainState, ConsoleVault } from '../vault.ts';
import { visible } from '../../cli/visible.ts';
import { chainSummary } from './chain.ts';

/** Rows on one page. */
export const auditPageRows = 50;

/** What the form asks for; null where nothing was entered. */
export interface SearchForm extends Pick<AuditSearch, 'text' | 'action'> {
  /** UTC days, `YYYY-MM-DD`, both included. */
  from: string | null;
  to: string | null;
  /** Only rows older than this id. */
  before: number | null;
}

const dayText = /^\d{4}-\d{2}-\d{2}$/;

/** The search that the page's address asks for; what cannot be read is left out. */
export function readSearch(parameters: Readonly<Record<string, string>>): SearchForm {
  const text = (parameters['text'] ?? '').trim().replaceAll('\0', '').toWellFormed();
  const day = (name: string) => {
    const given = parameters[name] ?? '';
    const time = dayText.test(given) ? Date.parse(given) : Number.NaN;
    // 31 June is read as 1 July
    return !Number.isNaN(time) && dayOf(time) === given ? given : null;
  };
  const before = Number(parameters['before'] ?? '');
  return {
    text: text === '' ? null : text.slice(0, 2_048),
    action: auditActions.find((action) => action === parameters['action']) ?? null,
    from: day('from'),
    to: day('to'),
    before: Number.isSafeInteger(before) && before > 0 ? before : null,
  };
}

/** The rows that the form asks for. */
export function meantBy({ text, action, from, to }: SearchForm): AuditSearch {
  const until = to === null ? null : dayOf(Date.parse(to) + dayMs);
  return { ...allRows, text, action, from, until };
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

/** The chain's state, the search, and its rows or why there are none. */
export function auditPage(
  vault: ConsoleVault,
  search: SearchForm,
  ticket: string,
  { rows, chain }: { rows: readonly AuditEntry[] | string; chain: ChainState | string },
): Html {
  return layout(
    {
      vault,
      current: 'audit',
      lead: 'Who revealed, looked up or erased what, when and why. Append-only; each row holds the hash of the row before.',
    },
    html`${panel('Chain', [
      typeof chain === 'string' ? problem(chain) : chainSummary(chain),
      html`<form method="post" action="audit">
        <input type="hidden" name="ticket" value="${ticket}" />
        <button class="quiet">Verify all rows now</button>
      </form>`,
    ])}
    ${panel('Search', [form(search), typeof rows === 'string' ? problem(rows) : results(rows, search)])}`,
  );
}

function form({ text, action, from, to }: SearchForm): Html {
  return html`<form method="get" action="audit" class="row" role="search">
    <div class="wide">
      <label for="text">Token, person, reason or request</label>
      <input id="text" name="text" autocomplete="off" value="${text ?? ''}" />
    </div>
    <div>
      <label for="action">Action</label>
      <select id="action" name="action">
        <option value="">any</option>
        ${auditActions.map(
          (name) =>
            html`<option value="${name}" ${name === action ? 'selected' : ''}>${name}</option>`,
        )}
      </select>
    </div>
    <div>
      <label for="from">From (UTC)</label>
      <input id="from" name="from" type="date" value="${from ?? ''}" />
    </div>
    <div>
      <label for="to">To</label>
      <input id="to" name="to" type="date" value="${to ?? ''}" />
    </div>
    <div class="end"><button>Search</button></div>
  </form>`;
}

function results(rows: readonly AuditEntry[], search: SearchForm): Html {
  if (rows.length === 0) return html`<p>No row fits.</p>`;
  const last = rows.at(-1)!.id;
  return html`${table(
    'Audit rows',
    [
      { number: 'Row' },
      { short: 'When (UTC)' },
      'Action',
      'Outcome',
      'Person',
      'Reason',
      'Token or event',
    ],
    rows.map((row) => [
      row.id,
      row.at.slice(0, 19).replace('T', ' '),
      row.action,
      row.outcome,
      html`${breakable(row.principal)}
      ${row.source === 'claimed' ? html`<span class="muted">(claimed)</span>` : ''}`,
      html`<bdi>${visible(row.reason)}</bdi>`,
      html`<code>${visible(row.token ?? row.detail ?? '')}</code>`,
    ]),
  )}
  ${
    rows.length < auditPageRows
      ? ''
      : html`<p><a href="audit?${addressOf({ ...search, before: last })}">Older rows</a></p>`
  }`;
}

function addressOf(search: SearchForm): string {
  const address = new URLSearchParams();
  for (const [name, value] of Object.entries(search)) {
    if (value !== null) address.set(name, String(value));
  }
  return address.toString();
}
