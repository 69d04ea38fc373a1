import { html, raw } from 'hono/html';

import { columns } from '../../cli/report/chart.ts';
import { whole } from '../../cli/report/numbers.ts';
import { lastDays } from '../../cli/report/ticks.ts';

import type { Html } from '../html.ts';
import { layout, panel, problem } from '../layout.ts';
import { sentenceOf } from '../sentence.ts';
import type { ConsoleVault } from '../vault.ts';
import { chainSummary } from './chain.ts';

const days = 30;

/** How the stage does. What the person may not see says so in its own place. */
export async function overviewPage(vault: ConsoleVault): Promise<Html> {
  const [logins, reveals, chain, queues, keys] = await Promise.all([
    shown(vault.loginsByDay(days), (counts) =>
      dayChart('Logins by day', ['login', 'logins'], counts),
    ),
    shown(vault.revealsByDay(days), (counts) =>
      dayChart('Revealed tokens by day', ['token', 'tokens'], counts),
    ),
    shown(vault.chain('since'), chainSummary),
    shown(
      vault.queueDepths(),
      ({ login, deadLetter }) =>
        html`<dl class="figures">
            <div>
              <dt>waiting for ingest</dt>
              <dd>${whole(login)}</dd>
            </div>
            <div>
              <dt>dead letters</dt>
              <dd class="${deadLetter > 0 ? 'warn' : ''}">${whole(deadLetter)}</dd>
            </div>
          </dl>
          ${deadLetter > 0 ? html`<p><a href="dead-letters">See why</a></p>` : ''}`,
    ),
    shown(vault.dataKeys(), (groups) => {
      const count = groups.reduce((sum, group) => sum + group.count, 0);
      const newest = groups
        .map((group) => group.newest)
        .toSorted()
        .at(-1);
      return html`<dl class="figures">
          <div>
            <dt>data keys</dt>
            <dd>${whole(count)}</dd>
          </div>
          <div>
            <dt>KMS keys</dt>
            <dd>${whole(groups.length)}</dd>
          </div>
        </dl>
        ${newest === undefined ? '' : html`<p>The newest is from ${newest} UTC.</p>`}`;
    }),
  ]);
  return layout(
    {
      vault,
      current: 'overview',
      lead: 'How this stage does right now. Nothing here opens a sealed value.',
    },
    html`<div class="charts report">${logins}${reveals}</div>
      <div class="cards">
        ${panel('Audit chain', chain)}${panel('Queues', queues)}${panel('Data keys', keys)}
      </div>`,
  );
}

async function shown<T>(answer: Promise<T>, show: (answer: T) => Html): Promise<Html> {
  try {
    return show(await answer);
  } catch (error) {
    return problem(sentenceOf(error));
  }
}

/** A chart of the last days, with those on which there was nothing. */
function dayChart(
  title: string,
  unit: readonly [string, string],
  counts: ReadonlyMap<string, number>,
): Html {
  const all = lastDays(days, new Date()).map((day) => [day, counts.get(day) ?? 0] as const);
  return html`${raw(columns(title, unit, [{ name: unit[1], values: new Map(all) }]).text)}`;
}
