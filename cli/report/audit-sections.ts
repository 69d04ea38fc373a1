import type { PersonDay } from '../../db/report/audit.ts';
import { bars, columns, type Series } from './chart.ts';
import type { AuditData, Part, QueueData, ReportData } from './data.ts';
import { html, type Markup } from './html.ts';
import { brief } from '../visible.ts';
import { count, whole } from './numbers.ts';
import { dayMs } from '../../lib/time.ts';

const callers: Readonly<Record<string, string>> = {
  iam: 'verified by AWS',
  vault: 'the vault itself',
};

/** Messages in the queues, and rejected ones by reason. */
export function queueSection(queue: Part<QueueData>): Markup {
  if ('problem' in queue) return section('Rejected messages', problem(queue.problem));
  const { reasons, inFlight, complete } = queue.data;
  const lines = [...reasons]
    .toSorted(([, a], [, b]) => b - a)
    .map(([reason, messages]) => ({
      label: brief(reason),
      value: messages,
      text: whole(messages),
    }));
  const sum = lines.reduce((total, { value }) => total + value, 0);
  return section(
    'Rejected messages',
    lines.length === 0
      ? html`<div class="card"><p class="empty">The dead-letter queue is empty.</p></div>`
      : bars('Dead-letter messages by reason', lines),
    html`<p class="note">
      ${count(inFlight, 'message')} in the login queue; ${whole(sum)} in the dead-letter
      queue${complete ? '' : ', and more than could be counted'}.
    </p>`,
  );
}

/** Reveals by person and day, and how far the audit was verified. */
export function auditSection(audit: Part<AuditData>): Markup {
  if ('problem' in audit) return section('Reveals and the audit', problem(audit.problem));
  const { people, actions, state } = audit.data;
  const since = state.id - (state.verifiedId ?? 0);
  const facts: [string, string | Markup][] = [
    [
      'Rows',
      state.lastAt === null
        ? whole(state.id)
        : `${whole(state.id)}, the last one at ${state.lastAt} UTC`,
    ],
    ['Head', state.id === 0 ? 'none yet' : html`<code>${state.id}:${state.hash}</code>`],
    [
      'Last verified by maintain',
      state.verifiedAt === null
        ? 'never yet'
        : `at ${state.verifiedAt} UTC, up to row ${whole(state.verifiedId ?? 0)}; ${count(since, 'row')} since`,
    ],
  ];
  return section(
    'Reveals and the audit',
    people.length === 0
      ? html`<div class="card"><p class="empty">Nobody has asked for a reveal yet.</p></div>`
      : columns(
          'Tokens asked to be revealed, by person and day',
          ['token', 'tokens'],
          seriesOf(people),
        ),
    html`<div class="grid2">
      <div class="card">
        <h3>Requests</h3>
        ${
          actions.length === 0
            ? html`<p class="empty">There are none.</p>`
            : html`<table>
                <thead>
                  <tr>
                    <th>Action</th>
                    <th>Caller</th>
                    <th class="number">Tokens</th>
                    <th class="number">People</th>
                  </tr>
                </thead>
                <tbody>
                  ${actions.map(
                    ({ action, source, tokens, people: persons }) =>
                      html`<tr>
                        <td>${action}</td>
                        <td>${callers[source] ?? 'as claimed'}</td>
                        <td class="number">${whole(tokens)}</td>
                        <td class="number">${whole(persons)}</td>
                      </tr>`,
                  )}
                </tbody>
              </table>`
        }
      </div>
      <div class="card">
        <h3>State of the audit</h3>
        <dl class="facts">
          ${facts.map(
            ([name, value]) =>
              html`<dt>${name}</dt>
                <dd>${value}</dd>`,
          )}
        </dl>
      </div>
    </div>`,
  );
}

/** The data keys by KMS key, and their age. */
export function keysSection({ audit, at }: ReportData): Markup | null {
  if ('problem' in audit) return null;
  const { keys } = audit.data;
  if (keys === null) {
    return section('Data keys', problem('vault_auditor may not read vault.data_keys.'));
  }
  const age = (day: string) =>
    count(Math.max(0, Math.floor((at.getTime() - Date.parse(day)) / dayMs)), 'day');
  return section(
    'Data keys',
    keys.length === 0
      ? html`<div class="card"><p class="empty">There are none yet.</p></div>`
      : html`<div class="card">
          <table>
            <thead>
              <tr>
                <th>KMS key</th>
                <th class="number">Data keys</th>
                <th class="number">Newest</th>
                <th class="number">Oldest</th>
              </tr>
            </thead>
            <tbody>
              ${keys.map(
                ({ kmsKeyArn, keys: number, newest, oldest }) =>
                  html`<tr>
                    <td><code>${brief(kmsKeyArn)}</code></td>
                    <td class="number">${whole(number)}</td>
                    <td class="number">${age(newest)} old</td>
                    <td class="number">${age(oldest)} old</td>
                  </tr>`,
              )}
            </tbody>
          </table>
        </div>`,
  );
}

function section(title: string, ...contents: Markup[]): Markup {
  return html`<section>
    <h2>${title}</h2>
    ${contents}
  </section>`;
}

function problem(text: string): Markup {
  return html`<div class="card"><p class="empty">Not shown: ${text}</p></div>`;
}

function seriesOf(people: readonly PersonDay[]): Series[] {
  const byPerson = new Map<string | null, Map<string, number>>();
  for (const { day, principal, tokens } of people) {
    const values = byPerson.get(principal) ?? new Map<string, number>();
    byPerson.set(principal, values.set(day, tokens));
  }
  const rest = byPerson.get(null);
  byPerson.delete(null);
  const series: Series[] = [...byPerson].map(([name, values]) => ({
    name: brief(name ?? ''),
    values,
  }));
  return rest === undefined
    ? series
    : [...series, { name: 'all others', values: rest, isRest: true }];
}
