import { html } from 'hono/html';

import { dayChart, everyDay, number } from '../chart.ts';
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
      dayChart({ title: 'Logins by day', unit: 'logins', days: everyDay(counts, days) }),
    ),
    shown(vault.revealsByDay(days), (counts) =>
      dayChart({ title: 'Revealed tokens by day', unit: 'tokens', days: everyDay(counts, days) }),
    ),
    shown(vault.chain('since'), chainSummary),
    shown(
      vault.queueDepths(),
      ({ login, deadLetter }) =>
        html`<dl class="figures">
            <div>
              <dt>waiting for ingest</dt>
              <dd>${number(login)}</dd>
            </div>
            <div>
              <dt>dead letters</dt>
              <dd class="${deadLetter > 0 ? 'warn' : ''}">${number(deadLetter)}</dd>
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
            <dd>${number(count)}</dd>
          </div>
          <div>
            <dt>KMS keys</dt>
            <dd>${number(groups.length)}</dd>
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
    html`<div class="charts">
        ${panel('Logins by day', logins)}${panel('Revealed tokens by day', reveals)}
      </div>
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
