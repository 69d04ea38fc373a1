import { auditSection, keysSection, queueSection } from './audit-sections.ts';
import type { ReportData } from './data.ts';
import { giveAwaySection } from './give-away-section.ts';
import { html, type Markup } from './html.ts';
import { kindNames } from './kinds.ts';
import { loginsSection, tokensSection } from './logins-sections.ts';
import { whole } from './numbers.ts';

/** All of the report but the page around it; `sectionsCss` is for it, within the class `report`. */
export function sections(report: ReportData): Markup {
  const { logins } = report;
  return html`<p class="soft">
      As of ${minuteOf(report.at)} UTC. All days are UTC. This page holds tokens and user ids, and
      no personal value in plain text.
    </p>
    <dl class="tiles">
      ${tilesOf(report).map(
        ([name, value]) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${whole(value)}</dd>
          </div>`,
      )}
    </dl>
    ${giveAwaySection(logins)} ${loginsSection(logins)} ${tokensSection(logins)}
    ${queueSection(report.queue)} ${auditSection(report.audit)} ${keysSection(report)}`;
}

/** Such as `2026-01-31 12:05`, in UTC. */
export function minuteOf(time: Date): string {
  return time.toISOString().slice(0, 16).replace('T', ' ');
}

function tilesOf({ logins, queue, audit }: ReportData): [string, number][] {
  const tiles: [string, number][] = [
    ['Logins', logins.overview.logins],
    ['Users', logins.overview.users],
    ...logins.kinds.map(({ kind, use }): [string, number] => [
      `Different ${kindNames[kind].many}`,
      [...use.byUsers.values()].reduce((sum, tokens) => sum + tokens, 0),
    ]),
  ];
  if ('data' in queue) {
    const { reasons } = queue.data;
    tiles.push(['Rejected messages', [...reasons.values()].reduce((sum, each) => sum + each, 0)]);
  }
  if ('data' in audit) {
    const reveals = audit.data.actions.filter(({ action }) => action === 'reveal');
    tiles.push(['Reveals asked for', reveals.reduce((sum, { tokens }) => sum + tokens, 0)]);
  }
  return tiles;
}
