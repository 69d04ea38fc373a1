import { auditSection, keysSection, queueSection } from './audit-sections.ts';
import type { ReportData } from './data.ts';
import { html } from './html.ts';
import { kindNames } from './kinds.ts';
import { loginsSection, tokensSection } from './logins-sections.ts';
import { giveAwaySection } from './give-away-section.ts';
import { whole } from './numbers.ts';
import { Markup } from './html.ts';
import { style } from './style.ts';

// nothing may be loaded, whatever the page is made to hold
const policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** The report as one HTML page that needs nothing else. */
export function page(report: ReportData): string {
  const { logins } = report;
  const tiles: [string, number][] = [
    ['Logins', logins.overview.logins],
    ['Users', logins.overview.users],
    ...logins.kinds.map(({ kind, use }): [string, number] => [
      `Different ${kindNames[kind].many}`,
      [...use.byUsers.values()].reduce((sum, tokens) => sum + tokens, 0),
    ]),
  ];
  if ('data' in report.queue) {
    const { reasons } = report.queue.data;
    tiles.push(['Rejected messages', [...reasons.values()].reduce((sum, each) => sum + each, 0)]);
  }
  if ('data' in report.audit) {
    const reveals = report.audit.data.actions.filter(({ action }) => action === 'reveal');
    tiles.push(['Reveals asked for', reveals.reduce((sum, { tokens }) => sum + tokens, 0)]);
  }
  const at = report.at.toISOString().slice(0, 16).replace('T', ' ');
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="referrer" content="no-referrer" />
        <title>Login vault, stage ${report.stage}, ${at} UTC</title>
        <style>
          ${new Markup(style)}
        </style>
      </head>
      <body>
        <main>
          <header>
            <h1>Login vault, stage ${report.stage}</h1>
            <p class="soft">
              As of ${at} UTC. All days are UTC. This page holds tokens and user ids, and no
              personal value in plain text.
            </p>
            <dl class="tiles">
              ${tiles.map(
                ([name, value]) =>
                  html`<div>
                    <dt>${name}</dt>
                    <dd>${whole(value)}</dd>
                  </div>`,
              )}
            </dl>
          </header>
          ${giveAwaySection(logins)} ${loginsSection(logins)} ${tokensSection(logins)}
          ${queueSection(report.queue)} ${auditSection(report.audit)} ${keysSection(report)}
          <footer>
            Made by <code>npx pii-vault report</code>. Logins were read as vault_analyst, the audit
            as vault_auditor.
          </footer>
        </main>
      </body>
    </html> `.text
    .trim()
    .concat('\n');
}
