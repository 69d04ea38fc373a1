import { html } from 'hono/html';

import type { EraseCertificate } from '../../lib/requests/erase.ts';
import type { LiftResponse } from '../../lib/requests/lift.ts';
import { visible } from '../../cli/visible.ts';
import { breakable } from '../breakable.ts';
import type { Html } from '../html.ts';
import { answer, layout, panel, problem, table } from '../layout.ts';
import type { ConsoleVault } from '../vault.ts';
import { confirmation, type Seen } from './erase-confirmation.ts';
import { reasonField } from './reason.ts';
import { tokensField } from './tokens.ts';

/** What is to be erased, as the person has seen it. */
export interface Erasure {
  tokens: readonly string[];
  /** Whose tokens they are; empty where the tokens were entered. */
  userId: string;
  reason: string;
  suppress: boolean;
}

/** What was entered into either form, and is not done yet. */
export interface Entered {
  erase?: Erasure;
  lift?: Pick<Erasure, 'tokens' | 'reason'>;
}

/** What the last form led to. */
export type EraseOutcome =
  | { seen: Erasure; known: Seen; ticket: string }
  | { certificate: EraseCertificate }
  | { lifted: LiftResponse }
  | { wrong: string };

/** What the page shows besides the last outcome. */
export interface EraseView {
  entered: Entered;
  ticket: string;
  /** Those that this console has had so far. */
  certificates: readonly EraseCertificate[];
}

/** The page: values are erased only after it has shown whose logins have them. */
export function erasePage(
  vault: ConsoleVault,
  outcome: EraseOutcome | null,
  { entered, ticket, certificates }: EraseView,
): Html {
  const {
    erase = { tokens: [], userId: '', reason: '', suppress: false },
    lift = { tokens: [], reason: '' },
  } = entered;
  return layout(
    {
      vault,
      current: 'erase',
      lead: 'Deletes the values behind tokens. The tokens stay, so logins can still be counted. Each token is written into the audit.',
    },
    html`${answer(outcome === null ? '' : shown(outcome))}
    ${outcome !== null && 'seen' in outcome ? '' : panel('Erase values', fields(erase, ticket))}
    ${certificates.length === 0 ? '' : panel('Certificates', certificateList(certificates))}
    ${panel('Lift suppressions', liftFields(lift, ticket))}`,
  );
}

function shown(outcome: EraseOutcome): Html {
  if ('wrong' in outcome) return problem(outcome.wrong);
  if ('lifted' in outcome) return lifted(outcome.lifted);
  if ('certificate' in outcome) return erased(outcome.certificate);
  return confirmation(outcome.seen, outcome.known, outcome.ticket);
}

function fields({ tokens, userId, reason, suppress }: Erasure, ticket: string): Html {
  const entered = userId === '' ? tokens.join('\n') : '';
  return html`<form method="post" action="erase#answer">
    <input type="hidden" name="ticket" value="${ticket}" />
    ${tokensField(entered, 'tokens', false)}
    <label for="user-id">Or all tokens of this user</label>
    <input
      id="user-id"
      name="user-id"
      autocomplete="off"
      aria-describedby="user-id-hint"
      value="${userId}"
    />
    <p class="hint" id="user-id-hint">
      The <code>user_id</code> of the logins. Shows how many other users share each token.
    </p>
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

function resultsTable(label: string, results: readonly (readonly [string, string])[]): Html {
  return table(
    label,
    ['Result', 'Token'],
    results.map(([token, result]) => [result, html`<code>${token}</code>`]),
  );
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
        ${download(requestId, 'Download the certificate', 'button quiet')}
      </p>
      ${resultsTable('Erased values', [
        ...values.map((token) => [token, 'erased'] as const),
        ...missing.map(
          ({ token, why }) =>
            [token, why === 'unknown' ? 'not in the vault' : `${why} before`] as const,
        ),
      ])}
      ${recordedAs(principal.id, requestId)}`,
  );
}

/** They are kept in memory only, so that a reloaded page does not lose one. */
function certificateList(certificates: readonly EraseCertificate[]): Html {
  return html`<ul>
      ${certificates.map(
        ({ requestId, erased: values, reason }) =>
          html`<li>
            ${download(requestId, `erasure-${requestId}.json`)}: ${values.length} erased,
            <bdi>${visible(reason)}</bdi>
          </li>`,
      )}
    </ul>
    <p class="hint">The console keeps them until the command ends.</p>`;
}

function download(requestId: string, text: string, style = ''): Html {
  return html`<a
    class="${style}"
    href="certificates/${encodeURIComponent(requestId)}"
    download="erasure-${requestId}.json"
    >${text}</a
  >`;
}

function liftFields({ tokens, reason }: Pick<Erasure, 'tokens' | 'reason'>, ticket: string): Html {
  return html`<form method="post" action="erase#answer">
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
      ${resultsTable('Lifted suppressions', [
        ...tokens.map((token) => [token, 'lifted'] as const),
        ...missing.map((token) => [token, 'was not suppressed'] as const),
      ])}
      ${recordedAs(principal.id, requestId)}`,
  );
}

function recordedAs(principal: string, requestId: string): Html {
  return html`<p class="hint">
    Recorded as <code>${breakable(principal)}</code>, request
    <a href="audit?text=${encodeURIComponent(requestId)}">${requestId}</a>.
  </p>`;
}
