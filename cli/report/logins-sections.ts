import type { DayCount } from '../../db/report/logins.ts';
import type { Histogram } from '../../db/report/token-use.ts';
import { bars, columns, type Series } from './chart.ts';
import { chartDays, type KindData, type LoginsData } from './data.ts';
import { html, type Markup } from './html.ts';
import { brief } from '../visible.ts';
import { kindNames } from './kinds.ts';
import { whole } from './numbers.ts';
import { dayMs } from '../../lib/time.ts';

/** Logins by day and type of device, and by version. */
export function loginsSection({ days, versions, overview }: LoginsData): Markup {
  if (overview.logins === 0) {
    return html`<section>
      <h2>Logins</h2>
      <div class="card"><p class="empty">There are no logins yet.</p></div>
    </section>`;
  }
  return html`<section>
    <h2>Logins</h2>
    <p class="soft">Charts by day show the last ${chartDays} days that have logins.</p>
    ${columns('Logins by day and type of device', ['login', 'logins'], seriesOf(days))}
    ${bars(
      'Logins by app version',
      versions.map(({ version, logins }) => ({
        label: version === null ? 'all others' : versionText(version),
        isRest: version === null,
        value: logins,
        text: whole(logins),
      })),
    )}
  </section>`;
}

/** How often tokens repeat, who shares them, and which are new. */
export function tokensSection({ kinds, overview }: LoginsData): Markup | null {
  if (overview.logins === 0) return null;
  return html`<section>
    <h2>Tokens</h2>
    ${kinds.map(kindSection)}
  </section>`;
}

function kindSection({ kind, use }: KindData): Markup {
  const { one, many } = kindNames[kind];
  const fresh: Series = { name: many, values: lastDays(use.byFirstDay) };
  return html`<h3>${capital(many)}</h3>
    <div class="grid2">
      ${bars(`${capital(many)} by how many logins have them`, buckets(use.byLogins))}
      ${bars(`${capital(many)} by how many users have them`, buckets(use.byUsers))}
    </div>
    ${columns(`New ${many} by day`, [one, many], [fresh])}
    <div class="grid2">
      <div class="card">
        <h3>Accounts that share most ${many}</h3>
        ${
          use.sharingUsers.length === 0
            ? html`<p class="empty">No two accounts share a token.</p>`
            : html`<table>
                  <thead>
                    <tr>
                      <th>User</th>
                      <th class="number">Shared</th>
                      <th class="number">Others*</th>
                    </tr>
                  </thead>
                  <tbody>
                    ${use.sharingUsers.map(
                      ({ userId, tokens, others }) =>
                        html`<tr>
                          <td><code>${brief(userId)}</code></td>
                          <td class="number">${whole(tokens)}</td>
                          <td class="number">${whole(others)}</td>
                        </tr>`,
                    )}
                  </tbody>
                </table>
                <p class="note">
                  * Other accounts with these ${many}; one counts once for each that both have.
                </p>`
        }
      </div>
      <div class="card">
        <h3>${capital(many)} with most accounts</h3>
        ${
          use.sharedTokens.length === 0
            ? html`<p class="empty">No token is shared.</p>`
            : html`<table>
                <thead>
                  <tr>
                    <th>Token</th>
                    <th class="number">Users</th>
                    <th class="number">Logins</th>
                  </tr>
                </thead>
                <tbody>
                  ${use.sharedTokens.map(
                    ({ token, users, logins }) =>
                      html`<tr>
                        <td><code>${brief(token)}</code></td>
                        <td class="number">${whole(users)}</td>
                        <td class="number">${whole(logins)}</td>
                      </tr>`,
                  )}
                </tbody>
              </table>`
        }
      </div>
    </div>`;
}

function seriesOf(days: readonly DayCount[]): Series[] {
  const byType = new Map<string | null, Map<string, number>>();
  for (const { day, deviceType, logins } of days) {
    const values = byType.get(deviceType) ?? new Map<string, number>();
    byType.set(deviceType, values.set(day, logins));
  }
  const rest = byType.get(null);
  byType.delete(null);
  const series: Series[] = [...byType].map(([name, values]) => ({
    name: brief(name ?? '') || 'none',
    values,
  }));
  return rest === undefined
    ? series
    : [...series, { name: 'all others', values: rest, isRest: true }];
}

function lastDays(byDay: ReadonlyMap<string, number>): Map<string, number> {
  const newest = [...byDay.keys()].toSorted().at(-1);
  if (newest === undefined) return new Map();
  const from = new Date(Date.parse(newest) - (chartDays - 1) * dayMs).toISOString().slice(0, 10);
  return new Map([...byDay].filter(([day]) => day >= from));
}

const limits = [1, 2, 3, 6, 11, 101, 1_001, 10_001];

function buckets(histogram: Histogram): { label: string; value: number; text: string }[] {
  const counts = limits.map(() => 0);
  for (const [size, tokens] of histogram) {
    const place = limits.findLastIndex((from) => size >= from);
    if (place >= 0) counts[place]! += tokens;
  }
  const last = counts.findLastIndex((tokens) => tokens > 0);
  return counts.slice(0, last + 1).map((tokens, place) => {
    const from = limits[place]!;
    const to = limits[place + 1];
    const range =
      to === undefined
        ? `${whole(from)} or more`
        : to - 1 === from
          ? whole(from)
          : `${whole(from)} to ${whole(to - 1)}`;
    return { label: range, value: tokens, text: whole(tokens) };
  });
}

/** As producers write it: `2003000` is 2.3.0. */
export function versionText(version: number): string {
  return `${Math.floor(version / 1_000_000)}.${Math.floor(version / 1_000) % 1_000}.${version % 1_000}`;
}

function capital(words: string): string {
  return words.slice(0, 1).toUpperCase() + words.slice(1);
}
