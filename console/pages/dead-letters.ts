import { html } from 'hono/html';

import type { ReasonTally } from '../../lib/operations/redrive.ts';
import { whole } from '../../cli/report/numbers.ts';
import type { Html } from '../html.ts';
import { answer, type Column, layout, panel, problem, table } from '../layout.ts';
import type { ConsoleVault, Redriven } from '../vault.ts';

/** What the page can show besides its forms. */
export interface DeadLetterView {
  depth: number | string;
  /** A dry run with the ticket to send with, or what was sent. */
  outcome?: { dryRun: Redriven; sendTicket: string } | { sent: Redriven } | { wrong: string };
}

/** Counts by reason first; only then can messages be sent again. */
export function deadLettersPage(
  vault: ConsoleVault,
  countTicket: string,
  { depth, outcome }: DeadLetterView,
): Html {
  const count = html`<form method="post" action="dead-letters#answer">
    <input type="hidden" name="ticket" value="${countTicket}" />
    <button class="${outcome !== undefined && 'dryRun' in outcome ? 'quiet' : ''}">
      Count by reason
    </button>
    <p class="hint">
      Nothing is sent. The messages are hidden from others while they are counted. No message is
      shown.
    </p>
  </form>`;
  return layout(
    {
      vault,
      current: 'dead-letters',
      lead: 'Messages that could not be stored, by reason. They can be sent again after a dry run.',
    },
    html`${answer(outcome === undefined ? '' : shown(outcome))}
    ${panel('Dead-letter queue', [
      typeof depth === 'string'
        ? problem(depth)
        : html`<dl class="figures">
            <div>
              <dt>messages, about</dt>
              <dd class="${depth > 0 ? 'warn' : ''}">${whole(depth)}</dd>
            </div>
          </dl>`,
      count,
    ])}`,
  );
}

function shown(outcome: NonNullable<DeadLetterView['outcome']>): Html {
  if ('wrong' in outcome) return problem(outcome.wrong);
  if ('sent' in outcome) return sentPanel(outcome.sent);
  const { dryRun, sendTicket } = outcome;
  const reasons = byCount(dryRun);
  if (reasons.length === 0)
    return panel('Dry run', html`<p>There are no dead-letter messages.</p>`);
  return panel(
    'Dry run: nothing was sent',
    html`<form method="post" action="dead-letters#answer">
      <input type="hidden" name="ticket" value="${sendTicket}" />
      ${table(
        'Dead letters by reason',
        [
          'Send',
          'Reason',
          ...['Messages', '< 1 hour', '< 1 day', '< 7 days', 'older'].map(numbers),
        ],
        reasons.map(([reason, { found, hour, day, week, older }]) => [
          html`<input
            type="checkbox"
            name="reason"
            value="${reason}"
            aria-label="Send ${reason}"
          />`,
          html`<code>${reason}</code>`,
          whole(found),
          whole(hour),
          whole(day),
          whole(week),
          whole(older),
        ]),
      )}
      ${dryRun.complete ? '' : problem('Not all messages were seen.')}
      <button>Send the chosen ones again</button>
      <p class="hint">
        Each keeps its identity, so it counts once, under its first day. What ingest rejects comes
        back here.
      </p>
    </form>`,
  );
}

function sentPanel(sent: Redriven): Html {
  return panel(
    'Sent to the login queue',
    table(
      'Messages sent by reason',
      ['Reason', ...['Found', 'Sent', 'Refused by SQS', 'Sent but not deleted'].map(numbers)],
      byCount(sent).map(([reason, { found, sent: again, refused, notDeleted }]) => [
        html`<code>${reason}</code>`,
        whole(found),
        whole(again),
        whole(refused),
        whole(notDeleted),
      ]),
    ),
  );
}

function numbers(title: string): Column {
  return { number: title };
}

function byCount({ reasons }: Redriven): [string, ReasonTally][] {
  return [...reasons].toSorted(([, one], [, other]) => other.found - one.found);
}
