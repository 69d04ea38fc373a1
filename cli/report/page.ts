import type { ReportData } from './data.ts';
import { html, Markup } from './html.ts';
import { minuteOf, sections } from './sections.ts';
import { pageCss, sectionsCss } from './styles.ts';

// nothing may be loaded, whatever the page is made to hold
const policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** The report as one HTML page that needs nothing else. */
export function page(report: ReportData): string {
  const at = minuteOf(report.at);
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="referrer" content="no-referrer" />
        <title>Login vault, stage ${report.stage}, ${at} UTC</title>
        <style>
          ${new Markup(sectionsCss + pageCss)}
        </style>
      </head>
      <body class="report">
        <main>
          <header>
            <h1>Login vault, stage ${report.stage}</h1>
          </header>
          ${sections(report)}
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
