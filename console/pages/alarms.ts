import { html } from 'hono/html';

import type { Html } from '../html.ts';
import { layout, panel, problem, table } from '../layout.ts';
import type { Alarm, ConsoleVault } from '../vault.ts';

/** The stage's CloudWatch alarms; null where it has none, a sentence where they cannot be read. */
export function alarmsPage(vault: ConsoleVault, alarms: readonly Alarm[] | string | null): Html {
  return layout(
    { vault, current: 'alarms', lead: 'What CloudWatch says about this stage.' },
    panel('Alarms', shown(alarms)),
  );
}

function shown(alarms: readonly Alarm[] | string | null): Html {
  if (typeof alarms === 'string') return problem(alarms);
  if (alarms === null) {
    return html`<p>The local stage has no CloudWatch, so there are no alarms here.</p>`;
  }
  if (alarms.length === 0) return html`<p>CloudWatch has no alarm of this stage.</p>`;
  return table(
    'Alarms',
    ['State', 'Alarm', { short: 'Since (UTC)' }, 'What it means'],
    alarms.map(({ name, state, description, since }) => [
      html`<span class="${state === 'OK' ? 'good' : 'warn'}">${state}</span>`,
      html`<code>${name}</code>`,
      since,
      description,
    ]),
  );
}
