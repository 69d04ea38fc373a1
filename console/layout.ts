import { html } from 'hono/html';

import { breakable } from './breakable.ts';
import type { Html } from './html.ts';
import type { ConsoleVault } from './vault.ts';

/** The pages, in the order of the navigation; all lie beside each other. */
const pages = [
  ['overview', 'Overview'],
  ['report', 'Report'],
  ['reveal', 'Reveal'],
  ['approvals', 'Approvals'],
  ['look-up', 'Look up'],
  ['erase', 'Erase'],
  ['audit', 'Audit'],
  ['dead-letters', 'Dead letters'],
  ['data-keys', 'Data keys'],
  ['alarms', 'Alarms'],
] as const;

export type PageName = (typeof pages)[number][0];

/** What every page shows around its own content. */
export interface Frame {
  vault: Pick<ConsoleVault, 'stage' | 'person'>;
  current: PageName;
  /** One short sentence below the title. */
  lead: string;
  /** Whether the content holds plaintext, which is hidden after a minute. */
  hasPlaintext?: boolean;
}

/** A whole page. */
export function layout({ vault, current, lead, hasPlaintext = false }: Frame, content: Html): Html {
  const title = pages.find(([name]) => name === current)?.[1] ?? '';
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        ${
          hasPlaintext
            ? html`<noscript><meta http-equiv="refresh" content="60;url=${current}" /></noscript>`
            : ''
        }
        <title>${title} · ${vault.stage} · pii-vault</title>
        <link rel="icon" href="icon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href="console.css" />
        ${current === 'overview' || current === 'report' ? html`<link rel="stylesheet" href="report.css" />` : ''}
        <script src="console.js" defer></script>
      </head>
      <body>
        <a class="skip" href="#main">Skip to the content</a>
        <header>
          <p class="brand"><img src="icon.svg" alt="" width="24" height="24" /> pii-vault</p>
          <p class="who">
            <span class="chip">${vault.stage}</span> <span>${breakable(vault.person)}</span>
          </p>
          <nav aria-label="Pages">
            <ul>
              ${pages.map(
                ([name, text]) =>
                  html`<li>
                    <a href="${name}" ${name === current ? html`aria-current="page"` : ''}
                      >${text}</a
                    >
                  </li>`,
              )}
            </ul>
          </nav>
        </header>
        <main id="main" tabindex="-1">
          <h1>${title}</h1>
          <p class="lead">${lead}</p>
          ${content}
        </main>
      </body>
    </html>`;
}

/** Something that went wrong or was refused, in a sentence. */
export function problem(sentence: string): Html {
  return html`<p class="problem" role="alert">${sentence}</p>`;
}

/** What the last form led to. A form whose action ends in `#answer` leads the keyboard here. */
export function answer(content: Html | string): Html | string {
  return content === '' ? '' : html`<div id="answer" tabindex="-1">${content}</div>`;
}

/** A section of a page. */
export function panel(title: string, content: Html | readonly Html[]): Html {
  return html`<section class="panel">
    <h2>${title}</h2>
    ${content}
  </section>`;
}

/** The heading of a column; its cells may hold numbers, or a short text that stays on one line. */
export type Column = string | { number: string } | { short: string };

/** The content of a row's cells, one for each column. */
export type Row = readonly (Html | string | number)[];

/**
 * A table that can be scrolled sideways, also by keyboard. On a small screen its cells are below each other, each
 * beside the heading of its column; the roles are those that browsers then forget.
 */
export function table(label: string, columns: readonly Column[], rows: readonly Row[]): Html {
  const headings = columns.map((column) => {
    if (typeof column === 'string') return { title: column, style: '' };
    if ('number' in column) return { title: column.number, style: 'number' };
    return { title: column.short, style: 'nowrap' };
  });
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0">
    <table role="table">
      <thead role="rowgroup">
        <tr role="row">
          ${headings.map(
            ({ title, style }) =>
              html`<th role="columnheader" scope="col" class="${style}">${title}</th>`,
          )}
        </tr>
      </thead>
      <tbody role="rowgroup">
        ${rows.map(
          (row) =>
            html`<tr role="row">
              ${headings.map(({ title, style }, index) => cell(title, style, row[index] ?? ''))}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

function cell(title: string, style: string, content: Row[number]): Html {
  const classes = content === '' ? 'empty' : style;
  return html`<td role="cell" class="${classes}" data-column="${title}"><div>${content}</div></td>`;
}
