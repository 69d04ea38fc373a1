import { html } from 'hono/html';

import type { TokenUse } from '../../db/count-logins.ts';
import type { EraseCertificate } from '../../lib/requests/erase.ts';
import type { LiftResponse } from '../../lib/requests/lift.ts';
import { whole } from '../../cli/report/numbers.ts';
import { visible } from '../../cli/visible.ts';
import type { Html } from '../html.ts';
import { layout, panel, problem, table } from '../layout.ts';
import type { ConsoleVault } from '../vault.ts';
import { reasonField } from './reason.ts';
import { tokensField } from './tokens.ts';

/** What is to be erased, as the person has seen it. */
export interface Erasure {
  tokens: readonly string[];
  reason: string;
  suppress: boolean;
}

/** What was entered into either form, and could not be done. */
export interface Entered {
  erase?: Erasure;
  lift?: Omit<Erasure, 'suppress'>;
}

/** What the last form led to. */
export type EraseOutcome =
  | { seen: Erasure; uses: ReadonlyMap<string, TokenUse> | string; ticket: string }
  | { certificate: EraseCertificate }
  | { lifted: LiftResponse }
  | { wrong: string };

/** The page: values are erased only after it has shown whose logins have them. */
export function erasePage(
  vault: ConsoleVault,
  {
    erase = { tokens: [], reason: '', suppress: false },
    lift = { tokens: [], reason: '' },
  }: Entered,
  ticket: string,
  outcome: EraseOutcome | null,
): Html {
  return layout(
    {
      vault,
      current: 'erase',
      lead: 'Deletes the values behind tokens. The tokens stay, so logins can still be counted. Each token is written into the audit.',
    },
    html`${outcome === null ? '' : shown(outcome)}
    ${outcome !== null && 'seen' in outcome ? '' : panel('Erase values', fields(erase, ticket))}
    ${panel('Lift suppressions', liftFields(lift, ticket))}`,
  );
}

function shown(outcome: EraseOutcome): Html {
  if ('wrong' in outcome) return problem(outcome.wrong);
  if ('lifted' in outcome) return lifted(outcome.lifted);
  if ('certificate' in outcome) return erased(outcome.certificate);
  return confirmation(outcome.seen, outcome.uses, outcome.ticket);
}

function fields({ tokens, reason, suppress }: Erasure, ticket: string): Html {
  return html`<form method="post" action="erase">
    <input type="hidden" name="ticket" value="${ticket}" />
    ${tokensField(tokens.join('\n'))}
    <p class="check">
      <input
        type="checkbox"
        id="suppress"
        name="suppress"
        value="yes"
        aria-describedby="suppress-hint"
        ${suppress ? 'checked' : ''}
      />
      <label for="suppress">Suppress these values</label>
    </p>
    <p class="hint" id="suppress-hint">
      The vault never seals them again, for any user, until somebody lifts that. Without it, the
      next login with a value seals it again.
    </p>
    ${reasonField(reason)}
    <button name="do" value="look">Show whose logins have them</button>
    <p class="hint">Nothing is erased yet.</p>
  </form>`;
}

function confirmation(
  { tokens, reason, suppress }: Erasure,
  uses: ReadonlyMap<string, TokenUse> | string,
  ticket: string,
): Html {
  const values = tokens.length === 1 ? 'value' : 'values';
  return panel(
    'Nothing is erased yet',
    html`${typeof uses === 'string' ? problem(uses) : ''}
      ${table(
        'Tokens whose values will be erased',
        ['Token', { number: 'Logins' }, { number: 'Users' }, 'First', 'Last'],
        tokens.map((token) => {
          const use = typeof uses === 'string' ? undefined : uses.get(token);
          const count = (amount: number | undefined) =>
            typeof uses === 'string' ? '–' : whole(amount ?? 0);
          return html`<tr>
            <td><code>${token}</code></td>
            <td class="number">${count(use?.logins)}</td>
            <td class="number">${count(use?.users)}</td>
            <td>${use?.first ?? '–'}</td>
            <td>${use?.last ?? '–'}</td>
          </tr>`;
        }),
      )}
      <p>
        Afterwards nobody can reveal these values, for any of these users.
        ${suppress ? 'They are never sealed again until somebody lifts that.' : 'The next login with a value seals it again.'}
      </p>
      <p class="hint">Reason: <bdi>${visible(reason)}</bdi></p>
      <form method="post" action="erase">
        <input type="hidden" name="ticket" value="${ticket}" />
        <button name="do" value="erase">
          Erase ${suppress ? 'and suppress ' : ''}${tokens.length} ${values}
        </button>
        <a class="button quiet" href="erase">Cancel</a>
      </form>`,
  );
}

function resultRow(token: string, result: string): Html {
  return html`<tr>
    <td>${result}</td>
    <td><code>${token}</code></td>
  </tr>`;
}

function erased({
  requestId,
  principal,
  erased: values,
  missing,
  suppressed,
}: EraseCertificate): Html {
  return panel(
    `${values.length} erased, ${missing.length} without a value`,
    html`<p class="notice">
        <span role="status">
          Keep the certificate: it proves the erasure later.
          ${suppressed ? 'All of these values are suppressed.' : ''}
        </span>
        <a
          class="button quiet"
          href="certificates/${encodeURIComponent(requestId)}"
          download="erasure-${requestId}.json"
          >Download the certificate</a
        >
      </p>
      ${table(
        'Erased values',
        ['Result', 'Token'],
        [
          ...values.map((token) => resultRow(token, 'erased')),
          ...missing.map(({ token, why }) =>
            resultRow(token, why === 'unknown' ? 'not in the vault' : `${why} before`),
          ),
        ],
      )}
      ${recordedAs(principal.id, requestId)}`,
  );
}

function liftFields({ tokens, reason }: Omit<Erasure, 'suppress'>, ticket: string): Html {
  return html`<form method="post" action="erase">
    <input type="hidden" name="ticket" value="${ticket}" />
    ${tokensField(tokens.join('\n'), 'lift-tokens')} ${reasonField(reason, 'lift-reason')}
    <button name="do" value="lift">Lift</button>
    <p class="hint">
      The next login with one of these values seals it again. What was erased does not come back.
    </p>
  </form>`;
}

function lifted({ requestId, principal, lifted: tokens, missing }: LiftResponse): Html {
  return panel(
    `${tokens.length} lifted`,
    html`<p role="status">
        ${tokens.length} suppression${tokens.length === 1 ? '' : 's'} lifted.
        ${missing.length === 0 ? '' : `Not suppressed: ${missing.length}.`}
      </p>
      ${recordedAs(principal.id, requestId)}`,
  );
}

function recordedAs(principal: string, requestId: string): Html {
  return html`<p class="hint">
    Recorded as <code>${visible(principal)}</code>, request
    <a href="audit?text=${encodeURIComponent(requestId)}">${requestId}</a>.
  </p>`;
}
