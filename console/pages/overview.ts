import { html, raw } from 'hono/html';

import { columns } from '../../cli/report/chart.ts';
import { whole } from '../../cli/report/numbers.ts';
import { lastDays } from '../../cli/report/ticks.ts';
import type { OpenItems } from '../../lib/requests/decide.ts';
import type { Html } from '../html.ts';
import { layout, panel } from '../layout.ts';
import { shown } from '../shown.ts';
import type { ConsoleVault } from '../vault.ts';
import { chainSummary } from './chain.ts';

const days = 30;

/** How the stage does. What the person may not see says so in its own place. */
export async function overviewPage(vault: ConsoleVault): Promise<Html> {
  const [logins, reveals, chain, loginQueue, deadLetters, approvals, rotation, keys] =
    await Promise.all([
      shown(vault.loginsByDay(days), (counts) =>
        dayChart('Logins by day', ['login', 'logins'], counts),
      ),
      shown(vault.revealsByDay(days), (counts) =>
        dayChart('Revealed tokens by day', ['token', 'tokens'], counts),
      ),
      shown(vault.chain('since'), chainSummary),
      depth('waiting for ingest', vault.queueDepth('login'), false),
      depth('dead letters', vault.queueDepth('deadLetter'), true),
      shown(vault.openItems(), openItems, 'You decide on no requests'),
      // without the right to read the audit, the panel of its chain says so
      vault.rotation().catch(() => null),
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
    html`${rotation === null ? '' : html`<p class="notice">${rotation}</p>`}
      <div class="charts report">${logins}${reveals}</div>
      <div class="cards">
        ${panel('Approvals', approvals)}${panel('Queues', html`<div class="beside">${loginQueue}${deadLetters}</div>`)}
        ${panel('Audit chain', chain)}${panel('Data keys', keys)}
      </div>`,
  );
}

/** How many messages, and a warning where there should be none. */
function depth(title: string, count: Promise<number>, isFault: boolean): Promise<Html> {
  return shown(
    count,
    (messages) =>
      html`<div>
        <dl class="figures">
          <div>
            <dt>${title}</dt>
            <dd class="${isFault && messages > 0 ? 'warn' : ''}">${whole(messages)}</dd>
          </div>
        </dl>
        ${isFault && messages > 0 ? html`<p><a href="dead-letters">See why</a></p>` : ''}
      </div>`,
  );
}

function openItems({ requests, breakGlass }: OpenItems): Html {
  const waiting = requests.filter(({ state }) => state === 'requested').length;
  return html`<dl class="figures">
      <div>
        <dt>requests wait</dt>
        <dd>${whole(waiting)}</dd>
      </div>
      <div>
        <dt>break-glass, not acknowledged</dt>
        <dd class="${breakGlass.length > 0 ? 'warn' : ''}">${whole(breakGlass.length)}</dd>
      </div>
    </dl>
    ${
      waiting + breakGlass.length > 0
        ? html`<p><a href="approvals">Decide or acknowledge</a></p>`
        : ''
    }`;
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
