import { html } from 'hono/html';

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
          <p class="who"><span class="chip">${vault.stage}</span> <span>${vault.person}</span></p>
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

/** A section of a page. */
export function panel(title: string, content: Html | readonly Html[]): Html {
  return html`<section class="panel">
    <h2>${title}</h2>
    ${content}
  </section>`;
}

/** The heading of a column, which may hold numbers. */
export type Column = string | { number: string };

/** A table that can be scrolled sideways, also by keyboard. */
export function table(label: string, columns: readonly Column[], rows: readonly Html[]): Html {
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0">
    <table>
      <thead>
        <tr>
          ${columns.map((column) =>
            typeof column === 'string'
              ? html`<th scope="col">${column}</th>`
              : html`<th scope="col" class="number">${column.number}</th>`,
          )}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}
